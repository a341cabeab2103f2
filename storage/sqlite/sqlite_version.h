#pragma once

namespace signalbox {

// Whether SQLite `number` (3053004 for 3.53.4) has the WAL-reset bug: two connections that write
// and checkpoint at once can damage a database. It came with 3.7.0 and went with 3.51.3, 3.50.7 and
// 3.44.6.
inline bool HasWalResetBug(int number) {
  if (number < 3007000 || number >= 3051003) return false;
  const int minor = number / 1000 % 1000;
  const int patch = number % 1000;
  return !(minor == 50 && patch >= 7) && !(minor == 44 && patch >= 6);
}

}  // namespace signalbox
