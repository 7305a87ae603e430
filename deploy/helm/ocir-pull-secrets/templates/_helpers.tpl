{{- define "ocir-pull-secrets.image" -}}
{{ .Values.image.repository }}{{ with .Values.image.digest }}@{{ . }}{{ else }}:{{ .Chart.AppVersion }}{{ end }}
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
