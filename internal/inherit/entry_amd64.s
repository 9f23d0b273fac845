#include "textflag.h"

// runward_entry is the program's ELF entry point. It asks the kernel for every
// signal's action, notes in ·Ignored which are SIG_IGN, and in ·DeathSignal what
// comes when the parent dies, keeps where the environment is in ·environment,
// and goes on to Go's own entry point with the
// registers as it found them and two variables before the others, for Go alone:
// see inherit.go.
TEXT runward_entry(SB), NOSPLIT|NOFRAME, $0
	MOVQ	DX, R14			// what the kernel left for the runtime's atexit
	SUBQ	$64, SP
	XORQ	R12, R12		// the bits
	MOVQ	$1, R13			// the signal
loop:
	MOVQ	$13, AX			// rt_sigaction(signal, NULL, SP+16, 8)
	MOVQ	R13, DI
	XORQ	SI, SI
	LEAQ	16(SP), DX
	MOVQ	$8, R10
	SYSCALL
	TESTQ	AX, AX
	JNE	next
	CMPQ	16(SP), $1		// SIG_IGN
	JNE	next
	MOVQ	R13, CX
	DECQ	CX
	MOVQ	$1, AX
	SHLQ	CX, AX
	ORQ	AX, R12
next:
	INCQ	R13
	CMPQ	R13, $64
	JLE	loop
	MOVQ	R12, ·Ignored(SB)
	MOVQ	$157, AX		// prctl(PR_GET_PDEATHSIG, &·DeathSignal)
	MOVQ	$2, DI
	LEAQ	·DeathSignal(SB), SI
	SYSCALL
	ADDQ	$64, SP

	SUBQ	$16, SP			// argc, argv and its NULL move down by two words
	LEAQ	16(SP), SI
	MOVQ	SP, DI
	MOVQ	0(SI), CX
	ADDQ	$2, CX
	CLD
	REP; MOVSQ
	MOVQ	SI, ·environment(SB)	// the first variable; the gap is before it
	LEAQ	oneProcessor<>(SB), AX
	MOVQ	AX, 0(DI)
	LEAQ	noZone<>(SB), AX
	MOVQ	AX, 8(DI)

	MOVQ	R14, DX
	JMP	_rt0_amd64_linux(SB)

DATA oneProcessor<>+0(SB)/8, $"GOMAXPRO"
DATA oneProcessor<>+8(SB)/4, $"CS=1"
GLOBL oneProcessor<>(SB), RODATA, $16
DATA noZone<>+0(SB)/3, $"TZ="
GLOBL noZone<>(SB), RODATA, $8
