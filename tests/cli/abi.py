"""Write a C program that prints the layout of libsemid's public structs and the values of its enums.

Declarations are found by the layout that clang-format gives the headers: `typedef struct NAME {` up
to `} NAME;`, a declaration a line, and `enum ... {` likewise.
"""
import re
import sys
from pathlib import Path

HEADERS = Path(sys.argv[1])


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)


def fields_of(body):
    for declaration in body.split(";"):
        callback = re.search(r"\(\*(\w+)\)", declaration)
        if callback:
            yield callback[1]
        elif declaration.strip():
            for part in declaration.split(","):
                yield re.findall(r"\w+", re.sub(r"\[[^\]]*\]", "", part))[-1]


print('#include "semid/semid.h"\n#include <stdio.h>\n\nint main(void) {')
for path in sorted(HEADERS.glob("*.h")):
    text = without_comments(path.read_text())
    for name, body in re.findall(r"typedef struct (\w+) \{(.*?)\n\} \1;", text, re.S):
        print(f'    printf("struct {name} %zu\\n", sizeof({name}));')
        for field in fields_of(body):
            print(f'    printf("  {field} at %zu, %zu bytes\\n", offsetof({name}, {field}), '
                  f"sizeof((({name} *)0)->{field}));")
    for body in re.findall(r"\benum\s*\w*\s*\{(.*?)\}", text, re.S):
        for value in re.findall(r"(\w+)\s*(?:=[^,]*)?(?:,|$)", body.strip()):
            print(f'    printf("value {value} %d\\n", (int){value});')
print("    return 0;\n}")
