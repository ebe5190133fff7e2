/* base/tristate.h - a choice that may be left to something else. */
#ifndef BASE_TRISTATE_H
#define BASE_TRISTATE_H

typedef enum tristate { TRISTATE_UNSET, TRISTATE_NO, TRISTATE_YES } tristate;

#endif
