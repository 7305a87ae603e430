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

{{- define "ocir-pull-secrets.name" -}}
{{ .Values.nameOverride | default .Chart.Name }}
{{- end }}

{{- /* Takes a list: the root, and labels of this object alone. The first of two equal keys counts. */}}
{{- define "ocir-pull-secrets.labels" -}}
{{- $labels := dict "app.kubernetes.io/name" (include "ocir-pull-secrets.name" (first .)) -}}
{{- range append (rest .) (first .).Values.commonLabels }}{{ $labels = merge $labels . }}{{ end -}}
{{ toJson $labels }}
{{- end }}

{{- /* A line of an object's metadata, if it has any. Takes what ocir-pull-secrets.labels takes. */}}
{{- define "ocir-pull-secrets.annotations" -}}
{{- $annotations := dict -}}
{{- range append (rest .) (first .).Values.commonAnnotations }}{{ $annotations = merge $annotations . }}{{ end -}}
{{- with $annotations }}
  annotations: {{ toJson . }}
{{- end }}
{{- end }}

{{- /*
Values that need other values. The schema would say only which value is wrong, not which one decides that.
*/}}
{{- define "ocir-pull-secrets.checkValues" -}}
{{- with .Values.identity }}
{{- if eq .type "controller" }}
{{- if not (or .namespaces .namespaceSelector) }}
{{- fail "identity.type=controller needs identity.namespaces or identity.namespaceSelector, which name the namespaces that get its tokens" }}
{{- end }}
{{- if .domain.url }}
{{- fail "identity.domain.url is for identity.type=serviceAccount only: remove one of them" }}
{{- end }}
{{- else }}
{{- if or .namespaces .namespaceSelector }}
{{- fail "identity.namespaces and identity.namespaceSelector are for identity.type=controller only: set it, or remove them" }}
{{- end }}
{{- if ne .principal "workload" }}
{{- fail (printf "identity.principal=%s is for identity.type=controller only: set it, or remove identity.principal" .principal) }}
{{- end }}
{{- end }}
{{- range $key := list "audience" "clientId" "clientSecret" }}
{{- if and $.Values.identity.domain.url (not (index $.Values.identity.domain $key)) }}
{{- fail (printf "identity.domain.url needs identity.domain.%s" $key) }}
{{- end }}
{{- if and (index $.Values.identity.domain $key) (not $.Values.identity.domain.url) }}
{{- fail (printf "identity.domain.%s needs identity.domain.url" $key) }}
{{- end }}
{{- end }}
{{- range .namespaceSelector.matchExpressions }}
{{- if and (has .operator (list "In" "NotIn")) (not .values) }}
{{- fail (printf "identity.namespaceSelector.matchExpressions: operator %s of the key %s needs values" .operator .key) }}
{{- end }}
{{- if and (has .operator (list "Exists" "DoesNotExist")) .values }}
{{- fail (printf "identity.namespaceSelector.matchExpressions: operator %s of the key %s allows no values" .operator .key) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.podMonitor.enabled .Values.networkPolicy.enabled (not .Values.networkPolicy.prometheusNamespace) }}
{{- fail "podMonitor.enabled needs networkPolicy.prometheusNamespace while networkPolicy.enabled is true, or Prometheus could not reach the pods" }}
{{- end }}
{{- range $kind := list "requests" "limits" }}
{{- with dig $kind "memory" "" $.Values.resources }}
{{- include "ocir-broker.checkMemory" (list (printf "resources.%s.memory" $kind) .) }}
{{- end }}
{{- end }}
{{- range .Values.extraEnv }}
{{- if hasPrefix "OCIR_PULL_SECRETS_" .name }}
{{- fail (printf "extraEnv has %s: names that begin with OCIR_PULL_SECRETS_ are the chart's own" .name) }}
{{- end }}
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
