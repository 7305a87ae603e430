{{- define "ocir-broker.image" -}}
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

{{- define "ocir-broker.name" -}}
{{ .Values.nameOverride | default .Chart.Name }}
{{- end }}

{{- define "ocir-broker.account" -}}
{{ include "ocir-broker.name" . }}-daemonset
{{- end }}

{{- /* The node affinity of the DaemonSet, and of the test. */ -}}
{{- define "ocir-broker.nodes" -}}
requiredDuringSchedulingIgnoredDuringExecution:
  nodeSelectorTerms:
    - matchExpressions:
        - key: kubernetes.io/arch
          operator: In
          values: [amd64, arm64]
        # Virtual nodes have no kubelet to configure.
        - key: node-role.kubernetes.io/virtual-node
          operator: DoesNotExist
        {{- with .Values.nodeAffinity }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
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
