package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

// The kubelet asks for a URL, and passes the client's stream to it.

func (r *runtime) Exec(_ context.Context, q *cri.ExecRequest) (*cri.ExecResponse, error) {
	return r.streams.GetExec(q)
}

func (r *runtime) Attach(_ context.Context, q *cri.AttachRequest) (*cri.AttachResponse, error) {
	return r.streams.GetAttach(q)
}

func (r *runtime) PortForward(_ context.Context, q *cri.PortForwardRequest) (*cri.PortForwardResponse, error) {
	return r.streams.GetPortForward(q)
}

// streamer is what happens behind those URLs.
type streamer struct{ runtime *runtime }

func (s streamer) Exec(_ context.Context, id string, argv []string, stdin io.Reader, stdout, stderr io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize) error {
	c, err := s.runtime.container(id)
	if err != nil {
		return err
	}
	command := c.command(argv)
	command.Stdout, command.Stderr = stdout, stderr
	if stdin != nil {
		// Not command.Stdin: Wait would then stay until the client closes its side.
		pipe, err := command.StdinPipe()
		if err != nil {
			return err
		}
		go func() {
			io.Copy(pipe, stdin)
			pipe.Close()
		}()
	}
	err = command.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exitStatus{exit}
	}
	return err
}

// Attach echoes what the client says, or waits until it leaves.
func (s streamer) Attach(ctx context.Context, _ string, stdin io.Reader, stdout, _ io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize) error {
	if stdin != nil && stdout != nil {
		_, err := io.Copy(stdout, stdin)
		return err
	}
	<-ctx.Done()
	return nil
}

func (s streamer) PortForward(_ context.Context, _ string, port int32, stream io.ReadWriteCloser) error {
	connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer connection.Close()
	sent := make(chan struct{})
	go func() {
		io.Copy(connection, stream)
		connection.(*net.TCPConn).CloseWrite()
		close(sent)
	}()
	_, err = io.Copy(stream, connection)
	stream.Close() // ends the other copy
	<-sent
	return err
}

// exitStatus is how the streaming server learns a command's exit code.
type exitStatus struct{ *exec.ExitError }

func (e exitStatus) String() string  { return e.Error() }
func (e exitStatus) Exited() bool    { return true }
func (e exitStatus) ExitStatus() int { return e.ExitCode() }
