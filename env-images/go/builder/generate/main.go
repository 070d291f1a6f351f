// generate WORK RUNTIME: makes a program of the Go package in the folder WORK. It adds the package hearthfunction from
// the folder RUNTIME and a main that serves the package's exported entry points, writes WORK/hearth.json and prints
// what is to be compiled.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

const (
	runtimePackage = "internal/hearthfunction"
	mainPackage    = "internal/hearthmain"
	mainFile       = "zz_hearth_main.go"
	manifestFile   = "hearth.json"
	programName    = "function"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: generate WORK RUNTIME")
		os.Exit(2)
	}
	target, err := generate(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(target)
}

func generate(work, runtime string) (string, error) {
	for _, name := range []string{programName, manifestFile, runtimePackage, mainPackage, mainFile} {
		if _, err := os.Stat(filepath.Join(work, name)); err == nil {
			return "", fmt.Errorf("%s: the builder makes a file or folder of this name; rename yours", name)
		}
	}
	source, err := read(work)
	if err != nil {
		return "", err
	}
	if source.unreadable {
		return ".", nil
	}
	if source.hasMain && !source.mainIsEmpty {
		say("the package has a main() of its own: it is started as it is and must serve HTTP on the port in PORT")
		return ".", writeManifest(work, "http")
	}
	if !source.hasCandidate {
		return "", fmt.Errorf("the package %s exports no entry point, such as\n\tfunc Handler(w http.ResponseWriter, r *http.Request)", source.name)
	}
	say("entry points: " + strings.Join(source.names(), ", "))
	if err := copyRuntime(runtime, filepath.Join(work, runtimePackage)); err != nil {
		return "", err
	}
	module, err := modulePath(filepath.Join(work, "go.mod"))
	if err != nil {
		return "", err
	}
	target, file := ".", filepath.Join(work, mainFile)
	if source.name == "main" {
		if err := source.disarmMain(); err != nil {
			return "", err
		}
	} else {
		target, file = "./"+mainPackage, filepath.Join(work, mainPackage, "main.go")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return "", err
		}
	}
	if err := os.WriteFile(file, []byte(source.mainText(module)), 0o644); err != nil {
		return "", err
	}
	return target, writeManifest(work, "listener")
}

func say(text string) { fmt.Fprintln(os.Stderr, text) }

func writeManifest(work, protocol string) error {
	text, err := json.Marshal(map[string]interface{}{"command": []string{"./" + programName}, "protocol": protocol})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(work, manifestFile), append(text, '\n'), 0o644)
}

func copyRuntime(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(from, "*.go"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(file)), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

var moduleLine = regexp.MustCompile(`(?m)^\s*module\s+("[^"]+"|\S+)`)

func modulePath(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	found := moduleLine.FindSubmatch(text)
	if found == nil {
		return "", errors.New("go.mod: has no module line")
	}
	path := string(found[1])
	if unquoted, err := strconv.Unquote(path); err == nil {
		path = unquoted
	}
	return path, nil
}

// source is what matters of the package.
type source struct {
	name         string
	functions    []string
	variables    []string
	unreadable   bool // the compiler says better what is wrong
	hasCandidate bool
	hasMain      bool
	mainIsEmpty  bool
	mainPlace    string // file of main()
	mainOffset   int    // where its name stands in it
}

func read(folder string) (*source, error) {
	found, err := build.Default.ImportDir(folder, 0)
	var none *build.NoGoError
	if errors.As(err, &none) {
		return nil, errors.New("there is no Go source file in the top folder of the package")
	}
	var several *build.MultiplePackageError
	if errors.As(err, &several) {
		return nil, fmt.Errorf("the top folder holds two packages: %s in %s and %s in %s",
			several.Packages[0], several.Files[0], several.Packages[1], several.Files[1])
	}
	if err != nil {
		return &source{unreadable: true}, nil
	}
	package_ := &source{name: found.Name}
	files := token.NewFileSet()
	for _, name := range append(found.GoFiles, found.CgoFiles...) {
		path := filepath.Join(folder, name)
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return &source{unreadable: true}, nil
		}
		for _, declaration := range file.Decls {
			package_.take(declaration, files, path)
		}
	}
	sort.Strings(package_.functions)
	sort.Strings(package_.variables)
	return package_, nil
}

func (s *source) take(declaration ast.Decl, files *token.FileSet, path string) {
	switch found := declaration.(type) {
	case *ast.FuncDecl:
		if found.Recv != nil {
			return
		}
		if s.name == "main" && found.Name.Name == "main" {
			s.hasMain = true
			s.mainIsEmpty = found.Body != nil && len(found.Body.List) == 0
			s.mainPlace, s.mainOffset = path, files.Position(found.Name.Pos()).Offset
			return
		}
		if ast.IsExported(found.Name.Name) && found.Type.TypeParams == nil && found.Type.Results == nil {
			if n := found.Type.Params.NumFields(); n == 2 || n == 3 {
				s.functions = append(s.functions, found.Name.Name)
				s.hasCandidate = true
			}
		}
	case *ast.GenDecl:
		if found.Tok != token.VAR {
			return
		}
		for _, spec := range found.Specs {
			for _, name := range spec.(*ast.ValueSpec).Names {
				if ast.IsExported(name.Name) {
					s.variables = append(s.variables, name.Name)
					s.hasCandidate = true
				}
			}
		}
	}
}

func (s *source) names() []string { return append(append([]string{}, s.functions...), s.variables...) }

// disarmMain makes room for the main of the builder: Fission's plugins often have an empty one.
func (s *source) disarmMain() error {
	if !s.hasMain {
		return nil
	}
	text, err := os.ReadFile(s.mainPlace)
	if err != nil {
		return err
	}
	text = append(text[:s.mainOffset:s.mainOffset], append([]byte("_"), text[s.mainOffset+len("main"):]...)...)
	return os.WriteFile(s.mainPlace, text, 0o644)
}

// mainText registers every candidate; which of them can serve is found out when the program starts, by their types.
func (s *source) mainText(module string) string {
	var text strings.Builder
	text.WriteString("package main\n\nimport (\n")
	fmt.Fprintf(&text, "\thearthfunction__ %q\n", module+"/"+runtimePackage)
	prefix := ""
	if s.name != "main" {
		fmt.Fprintf(&text, "\thearthuser__ %q\n", module)
		prefix = "hearthuser__."
	}
	text.WriteString(")\n\nfunc main() {\n\thearthfunction__.Main([]hearthfunction__.Entry{\n")
	for _, name := range s.functions {
		fmt.Fprintf(&text, "\t\t{Name: %q, Function: %s%s},\n", name, prefix, name)
	}
	for _, name := range s.variables {
		fmt.Fprintf(&text, "\t\t{Name: %q, Variable: &%s%s},\n", name, prefix, name)
	}
	text.WriteString("\t})\n}\n")
	return text.String()
}
