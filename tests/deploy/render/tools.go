//go:build tools

// Package render names the programs that turn deploy/ into objects.
package render

import (
	_ "helm.sh/helm/v3/cmd/helm"
	_ "sigs.k8s.io/kustomize/kustomize/v5"
)
