{{- /* Of both charts. Takes a list: the name of a limit, and the limit. With less, no program of ours starts. */}}
{{- define "ocir-broker.checkMemory" -}}
{{- $limit := toString (last .) }}
{{- if not (regexMatch "^([2-9][0-9]|[1-9][0-9]{2,})Mi?$|^[1-9][0-9]*(\\.[0-9]+)?Gi?$" $limit) }}
{{- fail (printf "%s is %s: give at least 20Mi, with a unit (Mi, Gi, M or G)" (first .) $limit) }}
{{- end }}
{{- end }}
