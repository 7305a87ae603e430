{{- define "ocir-pull-secrets.image" -}}
{{- $repository := required "image.repository is not set: name the repository to which you have copied the release's image" .Values.image.repository | default "unset" -}}
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

{{- /* Takes a list: the root, and labels of this object alone. The first of two equal keys counts. */}}
{{- define "ocir-pull-secrets.labels" -}}
{{- $labels := dict "app.kubernetes.io/name" "ocir-pull-secrets" -}}
{{- range append (rest .) (first .).Values.commonLabels }}{{ $labels = merge $labels . }}{{ end -}}
{{ toJson $labels }}
{{- end }}

{{- define "ocir-pull-secrets.group" -}}
{{ (.Files.Get "files/api.json" | fromJson).group }}
{{- end }}

{{- define "ocir-pull-secrets.version" -}}
{{ (.Files.Get "files/api.json" | fromJson).version }}
{{- end }}

{{- /* The realms' domains, as part of a regular expression in a string of CEL. A test compares them with those of the controller. */}}
{{- define "ocir-pull-secrets.realmDomains" -}}
oraclecloud\\.com|oraclegovcloud\\.com|oraclegovcloud\\.uk|oraclecloud(?:8|9|1[0457]|2[01346]|29|35|42|51|52)\\.com|oraclecloud\\.eu
{{- end }}

{{- /* The requirements of identity.namespaceSelector, for two readers: the API server's parameter labelSelector, and CEL. */}}
{{- define "ocir-pull-secrets.requirements" -}}
{{- $all := .Values.identity.namespaceSelector.matchExpressions | default list -}}
{{- range $key, $value := .Values.identity.namespaceSelector.matchLabels -}}
{{- $all = append $all (dict "key" $key "operator" "In" "values" (list $value)) -}}
{{- end -}}
{{ toJson $all }}
{{- end }}

{{- define "ocir-pull-secrets.labelSelector" -}}
{{- range $index, $each := include "ocir-pull-secrets.requirements" . | fromJsonArray -}}
{{ if $index }},{{ end }}{{ if eq .operator "DoesNotExist" }}!{{ end }}{{ .key }}
{{- with .values }} {{ lower $each.operator }} ({{ join "," . }}){{ end }}
{{- end }}
{{- end }}

{{- define "ocir-pull-secrets.labelExpression" -}}
{{- range $index, $each := include "ocir-pull-secrets.requirements" . | fromJsonArray -}}
{{ if $index }} && {{ end }}{{ if has .operator (list "NotIn" "DoesNotExist") }}!{{ end }}({{ toJson .key }} in variables.namespaceLabels
{{- with .values }} && variables.namespaceLabels[{{ toJson $each.key }}] in {{ toJson . }}{{ end }})
{{- end }}
{{- end }}
