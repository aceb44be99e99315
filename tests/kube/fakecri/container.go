package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// container is a process of this machine, or nothing but a name.
type container struct {
	config  *cri.ContainerConfig
	logPath string
	process *exec.Cmd     // nil before the start, and for a name only
	done    chan struct{} // closed when the process ended
}

// start begins the process and calls exited with its code once it ended and its log is complete.
func (c *container) start(exited func(code int32)) error {
	if err := os.MkdirAll(filepath.Dir(c.logPath), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(c.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	journal := &logFile{file: file}
	argv := append(append([]string{}, c.config.Command...), c.config.Args...)
	if len(argv) == 0 || !isHostProcess(c.config) {
		journal.write("stdout", "fakecri: no process behind this container")
		return file.Close()
	}
	argv = withMounts(c.config.Mounts, argv)
	process := exec.Command(argv[0], argv[1:]...)
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	process.Env = c.environment()
	process.Dir = c.config.WorkingDir
	stdout, err := process.StdoutPipe()
	if err != nil {
		return err
	}
	stderr, err := process.StderrPipe()
	if err != nil {
		return err
	}
	if err := process.Start(); err != nil {
		journal.write("stderr", err.Error())
		file.Close()
		close(c.done)
		exited(127) // as a shell says it
		return nil
	}
	c.process = process
	go func() {
		var streams sync.WaitGroup
		streams.Go(func() { journal.copy("stdout", stdout) })
		streams.Go(func() { journal.copy("stderr", stderr) })
		streams.Wait()
		process.Wait()
		file.Close()
		close(c.done)
		exited(int32(process.ProcessState.ExitCode()))
	}()
	return nil
}

// stop asks the process group to end, and ends it after the grace.
func (c *container) stop(grace time.Duration) {
	if c.process == nil {
		return
	}
	syscall.Kill(-c.process.Process.Pid, syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(grace):
		syscall.Kill(-c.process.Process.Pid, syscall.SIGKILL)
		<-c.done
	}
}

// command runs argv beside the container's process: in its mounts, with its environment.
func (c *container) command(argv []string) *exec.Cmd {
	if c.process != nil {
		argv = append([]string{"nsenter", "--mount", "--target", fmt.Sprint(c.process.Process.Pid), "--"}, argv...)
	}
	command := exec.Command(argv[0], argv[1:]...)
	command.Env = c.environment()
	return command
}

func (c *container) environment() []string {
	environment := []string{"PATH=" + os.Getenv("PATH"), "HOME=/tmp"}
	for _, variable := range c.config.Envs {
		environment = append(environment, variable.Key+"="+string(variable.Value))
	}
	return environment
}

// withMounts runs argv in a mount namespace of its own, with the container's volumes bound to their places.
func withMounts(mounts []*cri.Mount, argv []string) []string {
	var script strings.Builder
	for _, mount := range mounts {
		from, to := quote(mount.HostPath), quote(mount.ContainerPath)
		switch mount.ContainerPath {
		case mount.HostPath, "/etc/hosts", "/dev/termination-log": // this machine's own serve
			continue
		}
		fmt.Fprintf(&script, "if [ -d %[1]s ]; then mkdir -p %[2]s; else mkdir -p \"$(dirname %[2]s)\"; [ -e %[2]s ] || : >%[2]s; fi\n", from, to)
		fmt.Fprintf(&script, "mount --bind %s %s\n", from, to)
	}
	if script.Len() == 0 {
		return argv
	}
	return append([]string{"unshare", "--mount", "--propagation", "private", "sh", "-ec", script.String() + "exec \"$@\"", "sh"}, argv...)
}

func quote(path string) string {
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// logFile is in the format that kubelets read: time, stream, F for a full line, text.
type logFile struct {
	mu   sync.Mutex
	file *os.File
}

func (l *logFile) write(stream, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.file, "%s %s F %s\n", time.Now().UTC().Format(time.RFC3339Nano), stream, line)
}

func (l *logFile) copy(stream string, from io.Reader) {
	reader := bufio.NewReader(from)
	for {
		line, err := reader.ReadString('\n')
		if line != "" {
			l.write(stream, strings.TrimSuffix(line, "\n"))
		}
		if err != nil {
			return
		}
	}
}
