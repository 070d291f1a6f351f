package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// How a program is run.
const (
	protocolCGI      = "cgi"      // once per request
	protocolHTTP     = "http"     // started at load, serves on PORT
	protocolListener = "listener" // started at load, takes over the instance's socket: what the Go builder makes
)

const manifestName = "hearth.json"

// manifest is hearth.json in the top folder of a package.
type manifest struct {
	Command  []string `json:"command"`
	Protocol string   `json:"protocol"`
}

// plan is what to run for a function.
type plan struct {
	protocol string
	command  []string
	folder   string
	entry    string
}

// makePlan finds out what the package is. A function's name may be a program in it (run as CGI), or http:PROGRAM.
func makePlan(path, function, defaultProtocol, scratch string) (plan, error) {
	info, err := os.Stat(path)
	if err != nil {
		return plan{}, fmt.Errorf("there is no file or folder %s", path)
	}
	made := plan{protocol: defaultProtocol, folder: path, entry: function}
	if strings.HasPrefix(function, "http:") {
		made.protocol, function = protocolHTTP, strings.TrimPrefix(function, "http:")
	}
	if !info.IsDir() {
		made.folder = filepath.Dir(path)
		made.command, err = runnable(path, scratch)
		return made, err
	}
	given, err := readManifest(filepath.Join(path, manifestName))
	if err != nil {
		return plan{}, err
	}
	if given != nil {
		made.protocol = given.Protocol
		made.command, err = inPackage(given.Command, path, scratch)
		return made, err
	}
	program, err := programOf(path, function)
	if err == nil {
		made.command, err = runnable(program, scratch)
	}
	return made, err
}

// readManifest returns nil when there is none.
func readManifest(file string) (*manifest, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var given manifest
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&given); err != nil {
		return nil, fmt.Errorf(`%s: %v; it holds {"command": [...], "protocol": "http"}`, manifestName, err)
	}
	switch given.Protocol {
	case protocolCGI, protocolHTTP, protocolListener:
	default:
		return nil, fmt.Errorf("%s: protocol is %q; it must be http, cgi or listener", manifestName, given.Protocol)
	}
	if len(given.Command) == 0 || given.Command[0] == "" {
		return nil, fmt.Errorf("%s: command must be a list: the program, then its arguments", manifestName)
	}
	return &given, nil
}

// inPackage takes the program from the package; a name that is not there is one of the system's.
func inPackage(command []string, folder, scratch string) ([]string, error) {
	if filepath.IsAbs(command[0]) {
		return command, nil
	}
	program, err := below(folder, command[0])
	if err != nil {
		return nil, fmt.Errorf("%s: command: %v", manifestName, err)
	}
	if info, err := os.Stat(program); err != nil || info.IsDir() {
		if strings.Contains(command[0], "/") {
			return nil, fmt.Errorf("%s: command: the package has no file %s", manifestName, command[0])
		}
		return command, nil
	}
	start, err := runnable(program, scratch)
	return append(start, command[1:]...), err
}

// below is the path of name in folder.
func below(folder, name string) (string, error) {
	if name != "" && !filepath.IsAbs(name) {
		path := filepath.Join(folder, name)
		if strings.HasPrefix(path, folder+string(filepath.Separator)) {
			return path, nil
		}
	}
	return "", fmt.Errorf("%q is no path inside the package", name)
}

var usualPrograms = []string{"handler", "main", "handler.sh", "main.sh"}

// programOf finds the program called name, without a name the one that is meant.
func programOf(folder, name string) (string, error) {
	if name != "" {
		path, err := below(folder, name)
		if err != nil {
			return "", fmt.Errorf("the function's name: %v", err)
		}
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			return "", fmt.Errorf("the package has no file %s; it has %s", name, strings.Join(filesOf(folder), ", "))
		}
		return path, nil
	}
	files := filesOf(folder)
	if len(files) == 1 {
		return filepath.Join(folder, files[0]), nil
	}
	for _, usual := range usualPrograms {
		if info, err := os.Stat(filepath.Join(folder, usual)); err == nil && !info.IsDir() {
			return filepath.Join(folder, usual), nil
		}
	}
	var executable []string
	for _, file := range files {
		if info, err := os.Stat(filepath.Join(folder, file)); err == nil && info.Mode()&0o111 != 0 {
			executable = append(executable, file)
		}
	}
	if len(executable) == 1 {
		return filepath.Join(folder, executable[0]), nil
	}
	return "", fmt.Errorf("no program was named: the function's name must be a file of the package, which has %s",
		strings.Join(files, ", "))
}

func filesOf(folder string) []string {
	var files []string
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		if !entry.IsDir() {
			files = append(files, entry.Name())
		}
	}
	return files
}
