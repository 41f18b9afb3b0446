{{- define "kdns.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* The release's name, and the chart's where that does not say it. */ -}}
{{- define "kdns.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $joined := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $joined .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "kdns.account" -}}
{{- default (ternary (include "kdns.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "kdns.clusterRole" -}}
{{- default (include "kdns.fullname" .) .Values.clusterRole.nameOverride -}}
{{- end -}}

{{- define "kdns.deployment" -}}
{{- default (include "kdns.fullname" .) .Values.deployment.name -}}
{{- end -}}

{{- define "kdns.configmap" -}}
{{- default (include "kdns.fullname" .) .Values.configmap.name -}}
{{- end -}}

{{- /* What the Deployment and the Services select. */ -}}
{{- define "kdns.selector" -}}
app.kubernetes.io/name: {{ include "kdns.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- if .Values.isClusterService }}
k8s-app: {{ default .Chart.Name .Values.k8sAppLabelOverride | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end -}}

{{- define "kdns.labels" -}}
{{ include "kdns.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- if .Values.isClusterService }}
kubernetes.io/cluster-service: "true"
{{- end }}
{{- with .Values.customLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* `annotations:` of an object, from its own (a dictionary) and those for all; nothing where there are none. */ -}}
{{- define "kdns.annotations" -}}
{{- with merge (dict) .own .root.Values.customAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
