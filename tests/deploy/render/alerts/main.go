// Command alerts reads a JSON list of PromQL expressions and writes, for each, the series that it selects:
// metric names with their matchers. It ends with 1 and a line for each expression that is none.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

type selector struct {
	Metric string            `json:"metric"`
	Labels map[string]string `json:"labels"`
}

func main() {
	var expressions []string
	if err := json.NewDecoder(os.Stdin).Decode(&expressions); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	found := make([][]selector, len(expressions))
	failed := false
	for index, text := range expressions {
		selectors, err := read(text)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", text, err)
			failed = true
		}
		found[index] = selectors
	}
	if failed {
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		os.Exit(2)
	}
}

func read(text string) ([]selector, error) {
	expression, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return nil, err
	}
	selectors := []selector{}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		if vector, ok := node.(*parser.VectorSelector); ok {
			matched := map[string]string{}
			for _, matcher := range vector.LabelMatchers {
				if matcher.Name != labels.MetricName {
					matched[matcher.Name] = matcher.Value
				}
			}
			selectors = append(selectors, selector{vector.Name, matched})
		}
		return nil
	})
	return selectors, nil
}
