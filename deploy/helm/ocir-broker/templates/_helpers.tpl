{{- define "ocir-broker.image" -}}
{{ .Values.image.repository }}{{ with .Values.image.digest }}@{{ . }}{{ else }}:{{ .Chart.AppVersion }}{{ end }}
{{- end }}
