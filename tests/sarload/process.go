package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Linux counts CPU time for user space in hundredths of a second on every architecture that Go runs on.
const ticksPerSecond = 100

// cpuSeconds is what a process used so far, in user and kernel mode; 0 if there is no such process.
func cpuSeconds(pid int) float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The second field, the program's name, may hold anything; after its last `)` come fields 3, 4, and so on.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / ticksPerSecond
}

// peakKiB is the most memory that a process held.
func peakKiB(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if peak, found := strings.CutPrefix(line, "VmHWM:"); found {
			kib, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(peak), "kB")))
			return kib
		}
	}
	return 0
}
