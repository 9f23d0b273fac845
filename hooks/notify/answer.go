package notify

import (
	"bytes"
	"errors"
	"syscall"
)

// mostAnswer bounds what is read of an answer, in bytes.
const mostAnswer = 2 << 10

// answer reads what the monitor says: 204, or another status and why, on one line.
func (t *teller) answer(fd int) error {
	text := make([]byte, 0, mostAnswer)
	for {
		if noted(text) {
			return nil
		}
		if !t.wait(fd, pollIn) {
			return errLate
		}
		n, err := syscall.Read(fd, text[len(text):cap(text)])
		switch {
		case errors.Is(err, syscall.EINTR), errors.Is(err, syscall.EAGAIN):
		case err != nil, n == 0: // also where there is no more room
			return refusal(text)
		default:
			text = text[:len(text)+n]
		}
	}
}

const protocol = "HTTP/1.1 "

func noted(text []byte) bool {
	return bytes.HasPrefix(text, []byte(protocol+"204 ")) || bytes.HasPrefix(text, []byte(protocol+"204\r"))
}

// refusal is what stands in an answer that is no 204.
func refusal(text []byte) error {
	if !bytes.HasPrefix(text, []byte(protocol)) {
		if len(text) == 0 {
			return errors.New("the monitor hung up")
		}
		return errors.New("what listens there is no monitor")
	}
	_, why, _ := bytes.Cut(text, []byte("\r\n\r\n"))
	if why, _, _ = bytes.Cut(why, []byte("\n")); len(why) == 0 {
		why, _, _ = bytes.Cut(text[len(protocol):], []byte("\r"))
	}
	return errors.New("the monitor refused it: " + oneLine(why))
}

// oneLine makes the monitor's words fit for an engine's message.
func oneLine(why []byte) string {
	const most = 300
	line := make([]byte, 0, most)
	for _, c := range why {
		if c < ' ' || c > '~' {
			c = '?'
		}
		if len(line) < most {
			line = append(line, c)
		}
	}
	return string(bytes.Trim(line, "? "))
}
