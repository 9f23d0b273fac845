// Package ledger keeps, for every container, what was decided about it at
// create, for the verbs that come later: one file per container under
// /run/runward, gone when the container is.
//
// A missing entry is never read as "nothing was decided": those who need one
// deny, or decide again.
//
// # What counts in quotas
//
// An entry holds what its container claims, whether or not a quota asked. Who
// is held to a quota locks the directory (Hold), adds up the entries of those
// that live (Held.Living), decides, and keeps the new entry (Held.Put) before
// the lock goes: of two creates that fit alone the second sees the first. The
// lock is flock's on a descriptor that exec closes, so that neither a kill
// nor the real runtime keeps it.
//
// An entry counts while its runtime has a directory of the container, or the
// creator, which becomes the runtime by execve with the same pid and start
// time, lives. That holds at every moment:
//
//   - killed before the rename: there is no entry;
//   - killed after it, as runward or as the runtime: the creator is gone, and
//     if the runtime had made no directory by then nobody will. The creator is
//     asked for first and the directory after: the other way round, one that is
//     made between the two looks would be missed;
//   - created: the directory was made before the creator ended;
//   - deleted, by whomever, or lost at a reboot: no directory, no creator. A
//     delete that comes by runward takes the entry just before the runtime ends
//     the container: for these milliseconds more may be let through;
//   - the creator is in another PID namespace, where it cannot be seen: the
//     entry counts for ten minutes without a directory;
//   - a runtime that keeps its containers otherwise (runsc): until deleted.
//
// An update changes limits after runward is gone, and may fail. So the larger
// of the old and the new claim is kept, with the process that updates. Once that
// is gone, the next to look asks the runtime's state what is in force, and keeps
// that. Meanwhile no second update of the same container is let through.
//
// Where the ledger is on a tmpfs, as /run is, what quotas ask of all entries is
// also kept in one file, by name and inode number of each (see heads.go); it is
// never needed.
//
// An entry that cannot be read could claim anything: whoever asks for the sum is
// refused, by name of the file, until it is removed. Containers that runward
// did not create have no entry and do not count.
package ledger
