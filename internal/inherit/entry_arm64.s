#include "textflag.h"

// runward_entry: see entry_amd64.s.
TEXT runward_entry(SB), NOSPLIT|NOFRAME, $0
	MOVD	R0, R19
	SUB	$64, RSP
	MOVD	$0, R20			// the bits
	MOVD	$1, R21			// the signal
loop:
	MOVD	$134, R8		// rt_sigaction(signal, NULL, RSP+16, 8)
	MOVD	R21, R0
	MOVD	$0, R1
	ADD	$16, RSP, R2
	MOVD	$8, R3
	SVC
	CBNZ	R0, next
	MOVD	16(RSP), R4
	CMP	$1, R4			// SIG_IGN
	BNE	next
	SUB	$1, R21, R5
	MOVD	$1, R4
	LSL	R5, R4, R4
	ORR	R4, R20
next:
	ADD	$1, R21
	CMP	$64, R21
	BLE	loop
	MOVD	$·Ignored(SB), R4
	MOVD	R20, (R4)
	MOVD	$167, R8		// prctl(PR_GET_PDEATHSIG, &·DeathSignal)
	MOVD	$2, R0
	MOVD	$·DeathSignal(SB), R1
	SVC
	ADD	$64, RSP

	SUB	$16, RSP		// argc, argv and its NULL move down by two words
	ADD	$16, RSP, R5
	MOVD	RSP, R6
	MOVD	(R5), R4
	ADD	$2, R4
copy:
	MOVD.P	8(R5), R7
	MOVD.P	R7, 8(R6)
	SUB	$1, R4
	CBNZ	R4, copy
	MOVD	$·environment(SB), R4
	MOVD	R5, (R4)		// the first variable; the gap is before it
	MOVD	$oneProcessor<>(SB), R4
	MOVD	R4, (R6)
	MOVD	$noZone<>(SB), R4
	MOVD	R4, 8(R6)

	MOVD	R19, R0
	JMP	_rt0_arm64_linux(SB)

DATA oneProcessor<>+0(SB)/8, $"GOMAXPRO"
DATA oneProcessor<>+8(SB)/4, $"CS=1"
GLOBL oneProcessor<>(SB), RODATA, $16
DATA noZone<>+0(SB)/3, $"TZ="
GLOBL noZone<>(SB), RODATA, $8
