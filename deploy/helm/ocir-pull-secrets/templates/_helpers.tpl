{{- define "ocir-pull-secrets.image" -}}
{{- $repository := required "image.repository is not set: name the repository to which you have copied the release's image" .Values.image.repository -}}
{{- if regexMatch "://|@|:[^/]*$" $repository -}}
{{- fail (printf "image.repository is %s: give the name alone, such as iad.ocir.io/acme/%s, without https:// and tag (image.tag) or digest (image.digest)" $repository .Chart.Name) -}}
{{- end -}}
{{- if .Values.image.tag -}}
{{ $repository }}:{{ .Values.image.tag }}
{{- else if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "ocir-pull-secrets.group" -}}
{{ (.Files.Get "files/api.json" | fromJson).group }}
{{- end }}

{{- define "ocir-pull-secrets.version" -}}
{{ (.Files.Get "files/api.json" | fromJson).version }}
{{- end }}

{{- /* The realms' domains, as part of a regular expression in a string of CEL. A test compares them with those of the controller. */}}
{{- define "ocir-pull-secrets.realmDomains" -}}
oraclecloud\\.com|oraclegovcloud\\.com|oraclegovcloud\\.uk|oraclecloud(?:8|9|1[045]|2[01346]|29|35|42|51|52)\\.com|oraclecloud\\.eu
{{- end }}
