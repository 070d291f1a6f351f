package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
)

const (
	pathOfVersion1 = "/userfunc/user"
	longestOrder   = 16 << 20
)

// order is what /v2/specialize is told.
type order struct {
	path     string
	function string
	env      map[string]string
}

func readOrder(body io.Reader) (order, error) {
	text, err := io.ReadAll(io.LimitReader(body, longestOrder))
	if err != nil {
		return order{}, fmt.Errorf("the body cannot be read: %v", err)
	}
	var anything interface{}
	if err := json.Unmarshal(text, &anything); err != nil {
		return order{}, fmt.Errorf("the body is not JSON: %v", err)
	}
	fields, ok := anything.(map[string]interface{})
	if !ok {
		return order{}, errors.New("the body must be a JSON object with filepath and functionName")
	}
	var wanted order
	if wanted.path, ok = fields["filepath"].(string); !ok || wanted.path == "" {
		return order{}, errors.New("filepath must be the path of the code")
	}
	if name, given := fields["functionName"]; given && name != nil {
		if wanted.function, ok = name.(string); !ok {
			return order{}, errors.New("functionName must be a text such as Handler")
		}
	}
	wanted.env, err = textsOf(fields["env"])
	return wanted, err
}

func textsOf(value interface{}) (map[string]string, error) {
	texts := map[string]string{}
	if value == nil {
		return texts, nil
	}
	fields, ok := value.(map[string]interface{})
	if !ok {
		return nil, errors.New("env must be an object of texts")
	}
	for name, field := range fields {
		text, ok := field.(string)
		if !ok {
			return nil, fmt.Errorf("env must be an object of texts; %s is none", name)
		}
		texts[name] = text
	}
	return texts, nil
}

// assignments are "NAME=value", in stable order.
func assignments(variables map[string]string) []string {
	var list []string
	for name, value := range variables {
		list = append(list, name+"="+value)
	}
	sort.Strings(list)
	return list
}
