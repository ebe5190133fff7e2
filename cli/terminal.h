/* cli/terminal.h - messages and progress on standard error: a bar on a terminal, plain lines
 * otherwise. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include "base/log.h"

/* Send the library's messages and progress there. */
void terminal_install(bool quiet, bool verbose);

/* End a progress bar that an error left unfinished. */
void terminal_finish(void);

#endif
