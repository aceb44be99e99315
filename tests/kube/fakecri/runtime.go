package main

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-client/pkg/fake"
	"k8s.io/cri-streaming/pkg/streaming"
)

// runtime answers the kubelet. What it does not override is the embedded fake's bookkeeping.
type runtime struct {
	*fake.RemoteRuntime
	streams streaming.Server
	podIP   string

	mu         sync.Mutex
	containers map[string]*container
	logFolders map[string]string // by sandbox
}

func newRuntime(podIP string) *runtime {
	r := &runtime{
		RemoteRuntime: fake.NewFakeRemoteRuntime(),
		podIP:         podIP,
		containers:    map[string]*container{},
		logFolders:    map[string]string{},
	}
	r.RuntimeService.FakeStatus = &cri.RuntimeStatus{Conditions: []*cri.RuntimeCondition{
		{Type: cri.RuntimeReady, Status: true},
		{Type: cri.NetworkReady, Status: true},
	}}
	return r
}

func (r *runtime) Version(context.Context, *cri.VersionRequest) (*cri.VersionResponse, error) {
	return &cri.VersionResponse{Version: "0.1.0", RuntimeName: "fakecri", RuntimeVersion: "0.1.0", RuntimeApiVersion: "v1"}, nil
}

func (r *runtime) RuntimeConfig(context.Context, *cri.RuntimeConfigRequest) (*cri.RuntimeConfigResponse, error) {
	return &cri.RuntimeConfigResponse{Linux: &cri.LinuxRuntimeConfiguration{CgroupDriver: cri.CgroupDriver_CGROUPFS}}, nil
}

func (r *runtime) RunPodSandbox(ctx context.Context, q *cri.RunPodSandboxRequest) (*cri.RunPodSandboxResponse, error) {
	answer, err := r.RemoteRuntime.RunPodSandbox(ctx, q)
	if err != nil {
		return nil, err
	}
	r.RuntimeService.Lock()
	if sandbox := r.RuntimeService.Sandboxes[answer.PodSandboxId]; sandbox != nil {
		sandbox.Network.Ip = r.podIP
		sandbox.Network.AdditionalIps = nil
	}
	r.RuntimeService.Unlock()
	r.mu.Lock()
	r.logFolders[answer.PodSandboxId] = q.Config.LogDirectory
	r.mu.Unlock()
	return answer, nil
}

func (r *runtime) CreateContainer(ctx context.Context, q *cri.CreateContainerRequest) (*cri.CreateContainerResponse, error) {
	answer, err := r.RemoteRuntime.CreateContainer(ctx, q)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	folder := r.logFolders[q.PodSandboxId]
	c := &container{
		config:  q.Config,
		logPath: filepath.Join(folder, q.Config.LogPath),
		done:    make(chan struct{}),
	}
	r.containers[answer.ContainerId] = c
	r.mu.Unlock()
	r.RuntimeService.Lock()
	if status := r.RuntimeService.Containers[answer.ContainerId]; status != nil {
		status.LogPath = c.logPath // the kubelet reads the log there
	}
	r.RuntimeService.Unlock()
	return answer, nil
}

func (r *runtime) StartContainer(ctx context.Context, q *cri.StartContainerRequest) (*cri.StartContainerResponse, error) {
	answer, err := r.RemoteRuntime.StartContainer(ctx, q)
	if err != nil {
		return nil, err
	}
	c, err := r.container(q.ContainerId)
	if err != nil {
		return nil, err
	}
	return answer, c.start(func(code int32) { r.exited(q.ContainerId, code) })
}

// exited tells the fake's books what became of the process.
func (r *runtime) exited(id string, code int32) {
	r.RuntimeService.Lock()
	defer r.RuntimeService.Unlock()
	c := r.RuntimeService.Containers[id]
	if c == nil || c.State != cri.ContainerState_CONTAINER_RUNNING {
		return
	}
	c.State = cri.ContainerState_CONTAINER_EXITED
	c.FinishedAt = time.Now().UnixNano()
	c.ExitCode = code
	c.Reason = "Completed"
	if code != 0 {
		c.Reason = "Error"
	}
}

func (r *runtime) StopContainer(ctx context.Context, q *cri.StopContainerRequest) (*cri.StopContainerResponse, error) {
	r.stop(q.ContainerId, time.Duration(q.Timeout)*time.Second)
	return r.RemoteRuntime.StopContainer(ctx, q)
}

func (r *runtime) RemoveContainer(ctx context.Context, q *cri.RemoveContainerRequest) (*cri.RemoveContainerResponse, error) {
	r.stop(q.ContainerId, time.Second)
	return r.RemoteRuntime.RemoveContainer(ctx, q)
}

func (r *runtime) stop(id string, grace time.Duration) {
	if c, err := r.container(id); err == nil {
		c.stop(grace)
	}
}

func (r *runtime) container(id string) (*container, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.containers[id]; c != nil {
		return c, nil
	}
	return nil, errors.New("no such container " + id)
}

// ExecSync is what probes use.
func (r *runtime) ExecSync(_ context.Context, q *cri.ExecSyncRequest) (*cri.ExecSyncResponse, error) {
	c, err := r.container(q.ContainerId)
	if err != nil {
		return nil, err
	}
	command := c.command(q.Cmd)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err = command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	return &cri.ExecSyncResponse{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), ExitCode: int32(command.ProcessState.ExitCode())}, nil
}

// A real process runs only in containers that ask for it by the name of their image.
func isHostProcess(config *cri.ContainerConfig) bool {
	image := config.GetImage()
	return strings.HasPrefix(image.GetUserSpecifiedImage(), "host/") || strings.Contains(image.GetImage(), "host/")
}
