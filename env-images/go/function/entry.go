package hearthfunction

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"sort"
	"strings"
)

// Entry is an exported function, or a pointer to an exported variable, of the package of the function.
type Entry struct {
	Name     string
	Function interface{}
	Variable interface{}
}

const shapes = "func(http.ResponseWriter, *http.Request), func(context.Context, http.ResponseWriter, *http.Request) or http.Handler"

// choose finds what serves. Without a name it is Handler, else the only one there is.
func choose(entries []Entry, name string) (http.Handler, error) {
	// Fission's users write Handler; those of other languages are used to module.Handler.
	name = name[strings.LastIndexByte(name, '.')+1:]
	usable := map[string]http.Handler{}
	var names []string
	for _, entry := range entries {
		handler, err := handlerOf(entry)
		if entry.Name == name && err != nil {
			return nil, fmt.Errorf("%s cannot serve requests: %v", name, err)
		}
		if err == nil {
			usable[entry.Name] = handler
			names = append(names, entry.Name)
		}
	}
	sort.Strings(names)
	if handler := usable[name]; handler != nil {
		return handler, nil
	}
	known := "it exports none"
	if len(names) > 0 {
		known = "it exports " + strings.Join(names, ", ")
	}
	switch {
	case name != "":
		return nil, fmt.Errorf("the package exports no entry point %s; %s", name, known)
	case usable["Handler"] != nil:
		return usable["Handler"], nil
	case len(names) == 1:
		return usable[names[0]], nil
	}
	return nil, fmt.Errorf("no entry point was named and the package has no Handler; %s", known)
}

func handlerOf(entry Entry) (http.Handler, error) {
	if entry.Variable == nil {
		return asHandler(entry.Function)
	}
	value := reflect.ValueOf(entry.Variable).Elem()
	if kind := value.Kind(); (kind == reflect.Interface || kind == reflect.Func || kind == reflect.Ptr) && value.IsNil() {
		return nil, fmt.Errorf("it is nil (a %s that nothing was put into)", value.Type())
	}
	handler, err := asHandler(value.Interface())
	if err != nil {
		// The methods may be those of the pointer: var Router Mux.
		if handler, ok := entry.Variable.(http.Handler); ok {
			return handler, nil
		}
	}
	return handler, err
}

func asHandler(value interface{}) (http.Handler, error) {
	if handler, ok := value.(http.Handler); ok {
		return handler, nil
	}
	function := reflect.ValueOf(value)
	if plain := reflect.TypeOf(http.HandlerFunc(nil)); function.Type().ConvertibleTo(plain) {
		return function.Convert(plain).Interface().(http.HandlerFunc), nil
	}
	type withContext = func(context.Context, http.ResponseWriter, *http.Request)
	if contextual := reflect.TypeOf(withContext(nil)); function.Type().ConvertibleTo(contextual) {
		call := function.Convert(contextual).Interface().(withContext)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { call(r.Context(), w, r) }), nil
	}
	return nil, fmt.Errorf("it is a %T; it must be a %s", value, shapes)
}
