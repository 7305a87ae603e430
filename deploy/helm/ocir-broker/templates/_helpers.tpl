{{- define "ocir-broker.image" -}}
{{- $repository := required "image.repository is not set: name the repository to which you have copied the release's image" .Values.image.repository -}}
{{- if .Values.image.tag -}}
{{ $repository }}:{{ .Values.image.tag }}
{{- else if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "ocir-broker.name" -}}
{{ .Values.nameOverride | default .Chart.Name }}
{{- end }}

{{- define "ocir-broker.account" -}}
{{ include "ocir-broker.name" . }}-daemonset
{{- end }}

{{- /* Labels and annotations of an object that has none of its own; empty by default. */ -}}
{{- define "ocir-broker.common" -}}
{{- with .Values.commonLabels }}
labels:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
