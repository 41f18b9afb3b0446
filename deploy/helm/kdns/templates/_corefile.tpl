{{- define "kdns.corefile" -}}
{{- range $name, $given := .Values.extraConfig }}
{{ $name }}{{ with $given.parameters }} {{ . }}{{ end }}
{{- end }}
{{- range .Values.servers }}
{{ $port := .port }}
{{- range $index, $zone := default (list (dict "zone" ".")) .zones }}
{{- if $index }} {{ end }}{{ default "" $zone.scheme }}{{ default "." $zone.zone }}{{ with $port }}:{{ . }}{{ end }}
{{- end }} {
{{- range .plugins }}
    {{ .name }}{{ with .parameters }} {{ . }}{{ end }}{{ with .configBlock }} {
{{ . | indent 8 }}
    }{{ end }}
{{- end }}
}
{{- end }}
{{- end -}}

{{- /* The ports of the server blocks: {"53": {"udp": true, "tcp": true, …}} as JSON. DNS needs both (RFC 7766)
       unless a zone says `use_tcp: false`. */ -}}
{{- define "kdns.ports" -}}
{{- $ports := dict }}
{{- range .Values.servers }}
{{- $tcp := false }}
{{- range default (list (dict)) .zones }}
{{- if not (and (hasKey . "use_tcp") (eq .use_tcp false)) }}{{ $tcp = true }}{{ end }}
{{- end }}
{{- $port := default 53 .port | toString }}
{{- $known := default (dict "tcp" false) (get $ports $port) }}
{{- $_ := set $known "tcp" (or $tcp $known.tcp) }}
{{- $_ := set $known "servicePort" (default (default 53 .port) .servicePort) }}
{{- with .nodePort }}{{ $_ := set $known "nodePort" . }}{{ end }}
{{- with .hostPort }}{{ $_ := set $known "hostPort" . }}{{ end }}
{{- $_ := set $ports $port $known }}
{{- end }}
{{- toJson $ports }}
{{- end -}}

{{- /* The port of the first plugin of that name, from `HOST:PORT` or `:PORT`. Arguments: root, name, usual. */ -}}
{{- define "kdns.pluginPort" -}}
{{- $found := "" }}
{{- range .root.Values.servers }}
{{- range .plugins }}
{{- if and (eq .name $.name) (not $found) }}
{{- $found = regexFind "[0-9]+$" (default "" .parameters | toString | trim) | default ($.usual | toString) }}
{{- end }}
{{- end }}
{{- end }}
{{- default $.usual $found }}
{{- end -}}

{{- /* Whether any server block follows Pods. */ -}}
{{- define "kdns.followsPods" -}}
{{- range .Values.servers }}
{{- range .plugins }}
{{- if and (eq .name "kubernetes") (regexMatch "(?m)^\\s*pods\\s+verified\\b" (default "" .configBlock)) }}yes{{ end }}
{{- end }}
{{- end }}
{{- end -}}
