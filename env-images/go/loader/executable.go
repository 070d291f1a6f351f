package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const headLength = 64

var elfMagic = []byte("\x7fELF")

// runnable is the command that runs a file of a package, whose mode may have got lost on its way here.
func runnable(path, scratch string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	head := make([]byte, 4096)
	n, _ := io.ReadFull(file, head)
	head = head[:n]
	executable := info.Mode()&0o111 != 0
	switch {
	case bytes.HasPrefix(head, elfMagic):
		return runnableELF(path, head, executable, scratch)
	case bytes.HasPrefix(head, []byte("#!")):
		return runnableScript(path, head, executable)
	case bytes.IndexByte(head, 0) >= 0:
		return nil, fmt.Errorf("%s is no program for Linux: it is neither ELF nor a text", filepath.Base(path))
	}
	if language := sourceSuffixes[filepath.Ext(path)]; language != "" {
		return nil, fmt.Errorf("%s is source code in %s; deploy it as a source package, so that it is built", filepath.Base(path), language)
	}
	command := []string{"/bin/sh", path}
	return command, checkSyntax(command)
}

var sourceSuffixes = map[string]string{".go": "Go", ".c": "C", ".rs": "Rust", ".cpp": "C++"}

func runnableELF(path string, head []byte, executable bool, scratch string) ([]string, error) {
	const typeShared = 3
	if len(head) >= headLength && binary.LittleEndian.Uint16(head[16:]) == typeShared && binary.LittleEndian.Uint64(head[24:]) == 0 {
		return nil, fmt.Errorf("%s is a shared library, such as a Go plugin made for Fission; deploy its source as a source package", filepath.Base(path))
	}
	if executable {
		return []string{path}, nil
	}
	target := filepath.Join(scratch, filepath.Base(path))
	return []string{target}, copyExecutable(path, target)
}

func copyExecutable(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	if closed := target.Close(); err == nil {
		err = closed
	}
	return err
}

// runnableScript names the interpreter itself when the kernel would not.
func runnableScript(path string, head []byte, executable bool) ([]string, error) {
	line := string(bytes.SplitN(head[2:], []byte("\n"), 2)[0])
	words := strings.SplitN(strings.TrimSpace(line), " ", 2)
	if words[0] == "" {
		return nil, fmt.Errorf("%s: its first line names no interpreter after #!", filepath.Base(path))
	}
	if _, err := os.Stat(words[0]); err != nil {
		return nil, fmt.Errorf("%s: its interpreter %s is not installed in this environment", filepath.Base(path), words[0])
	}
	command := []string{words[0]}
	if len(words) == 2 {
		command = append(command, strings.TrimSpace(words[1]))
	}
	command = append(command, path)
	if err := checkSyntax(command); err != nil {
		return nil, err
	}
	if executable {
		return []string{path}, nil
	}
	return command, nil
}

var shells = map[string]bool{"sh": true, "bash": true, "dash": true, "ksh": true, "zsh": true}

// checkSyntax has a shell read its script, so that a mistake shows when the function is deployed.
func checkSyntax(command []string) error {
	shell := command[0]
	if filepath.Base(shell) == "env" && len(command) == 3 {
		shell = command[1]
	}
	if !shells[filepath.Base(shell)] {
		return nil
	}
	script := command[len(command)-1]
	said, err := exec.Command(shell, "-n", script).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s", strings.TrimSpace(strings.ReplaceAll(string(said), script, filepath.Base(script))))
	}
	return nil
}
