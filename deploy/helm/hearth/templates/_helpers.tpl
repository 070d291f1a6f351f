{{- define "hearth.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "hearth.selector" -}}
app.kubernetes.io/name: hearth
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: daemon
{{- end }}

{{- define "hearth.labels" -}}
{{ include "hearth.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: hearth
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "hearth.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "hearth.name" .) }}{{ else }}{{ required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "hearth.functionNamespace" -}}
{{- .Values.functionNamespace | default .Release.Namespace }}
{{- end }}

{{- define "hearth.claim" -}}
{{- .Values.persistence.existingClaim | default (printf "%s-data" (include "hearth.name" .)) }}
{{- end }}

{{- define "hearth.runnerImage" -}}
{{- printf "%s:%s" .Values.runner.image.repository (.Values.runner.image.tag | default .Chart.AppVersion) }}
{{- end }}

{{/* hearth.yaml: what the chart decides lies over what the user gives. */}}
{{- define "hearth.config" -}}
{{- $own := dict
  "data" "/var/lib/hearth"
  "listen" (dict "gateway" "0.0.0.0:8888" "api" "0.0.0.0:8890")
  "backend" "kubernetes"
  "kubernetes" (dict
    "namespace" (include "hearth.functionNamespace" .)
    "installation" (include "hearth.name" .)
    "runnerImage" (include "hearth.runnerImage" .)
    "imagePullPolicy" .Values.image.pullPolicy
    "deployment" (include "hearth.name" .)
    "runAsUser" .Values.securityContext.runAsUser
    "runAsGroup" .Values.securityContext.runAsGroup
    "istio" (dict "enabled" .Values.istio.enabled)
    "leaderLease" (dict "enabled" true "name" (include "hearth.name" .))) -}}
{{- /* So long the Service may still send new connections to a replica that ends. */}}
{{- $default := dict "drainDelay" "3s" "drainTimeout" "20s" -}}
{{- toYaml (mergeOverwrite $default (deepCopy .Values.config) $own) }}
{{- end }}
