"""The checks themselves: each has to see the fault it is there for."""

import os
import subprocess
import sys

import attacks
import circles
import designs
import floors
import log_ids
import words


def write(root, path, text):
    os.makedirs(os.path.dirname(root / path), exist_ok=True)
    (root / path).write_text(text)


def test_a_lower_floor_may_not_include_a_higher_one(tmp_path):
    write(tmp_path, "common/base/a.c", '#include "common/io/loop.h"\n')
    assert floors.check(tmp_path) == ["common/base/a.c:1: common/base may not use common/io"]


def test_services_do_not_include_each_other(tmp_path):
    write(tmp_path, "services/monitor/a.c", '#include <stdio.h>\n#include "services/cli/cli.h"\n')
    assert floors.check(tmp_path) == ["services/monitor/a.c:2: services/monitor may not use services/cli"]


def test_a_foreign_library_has_one_home(tmp_path):
    write(tmp_path, "common/io/a.c", "#include <sqlite3.h>\n#include <uv.h>\n")
    assert floors.check(tmp_path) == ["common/io/a.c:1: <sqlite3.h> may be included from common/store/sqlite only"]


def test_a_library_that_nobody_named_has_no_home(tmp_path):
    write(tmp_path, "common/bridge/a.c", "#include <sys/stat.h>\n#include <jansson.h>\n")
    assert floors.check(tmp_path) == ["common/bridge/a.c:2: <jansson.h> is of a library that has no home in floors.py"]


def test_includes_are_rooted(tmp_path):
    write(tmp_path, "proto/a.c", '#include "topic.h"\n')
    assert len(floors.check(tmp_path)) == 1


def test_a_new_folder_needs_a_floor(tmp_path):
    write(tmp_path, "common/new/a.c", "")
    assert floors.check(tmp_path) == ["common/new/a.c: its folder is on no floor"]


def test_a_design_names_every_file_and_no_other(tmp_path):
    write(tmp_path, "services/x/CMakeLists.txt", "")
    write(tmp_path, "services/x/a.c", "")
    sections = "".join(f"## {h}\n" for h in designs.HEADINGS)
    write(tmp_path, "services/x/DESIGN.md", sections + "- `b.c`: gone\n")
    assert designs.check(tmp_path) == ["services/x/DESIGN.md: names b.c, which is not there",
                                       "services/x/DESIGN.md: does not name a.c"]
    write(tmp_path, "services/x/DESIGN.md", sections + "- `a.c`: all of it\n")
    assert designs.check(tmp_path) == []


def test_a_log_id_has_one_message(tmp_path):
    write(tmp_path, "services/x/a.c", 'log_info("a", "one");\nlog_warn("b", "two " "parts", KS("error", err_text(r)));\n')
    write(tmp_path, "common/y/b.c", 'log_error("b", "two parts", KI("n", 1));\n')
    assert log_ids.check(tmp_path) == []
    write(tmp_path, "services/x/a.c", 'log_info("b", "one", KS("why", err_text(r)));\n')
    assert log_ids.check(tmp_path) == ["services/x/a.c: the id b has another message in common/y/b.c",
                                       "services/x/a.c: the error's text is under the key why, not error"]


def test_the_paths_of_questions_are_there(tmp_path):
    write(tmp_path, "common/a.c", "static int decide(int x)\n{\n}\n")
    write(tmp_path, "ARCHITECTURE.md", "# A\n\n## Where to look\n\n`common/a.c`: `decide()`, `forget()`; `common/b.c`\n\n## Floors\n`common/c.c`\n")
    assert designs.check_paths(tmp_path) == ["ARCHITECTURE.md: common/a.c has no function forget()",
                                             "ARCHITECTURE.md: names common/b.c, which is not there"]


def test_the_command_says_where_and_fails(tmp_path):
    write(tmp_path, "proto/a.c", '#include <stdio.h>\n\n#include "services/cli/cli.h"\n')
    done = subprocess.run([sys.executable, floors.__file__, str(tmp_path)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "proto/a.c:3: proto may not use services/cli\n")
    write(tmp_path, "proto/a.c", "")
    assert subprocess.run([sys.executable, floors.__file__, str(tmp_path)]).returncode == 0


def test_files_that_include_each_other_are_a_circle(tmp_path):
    write(tmp_path, "services/x/a.h", '#include "services/x/b.h"\n')
    write(tmp_path, "services/x/a.c", '#include "services/x/a.h"\n')
    write(tmp_path, "services/x/b.h", "")
    assert circles.check(tmp_path) == []
    write(tmp_path, "services/x/b.c", '#include "services/x/c.h"\n')
    write(tmp_path, "services/x/c.c", '#include "services/x/a.h"\n')
    write(tmp_path, "services/x/c.h", "")
    assert circles.check(tmp_path) == ["services/x: these files include each other in a circle: a b c"]
    assert circles.check(tmp_path, {"services/x"}) == []
    write(tmp_path, "services/x/c.c", "")
    assert circles.check(tmp_path, {"services/x"}) != []


def test_a_circle_through_a_folder_below_is_one_too(tmp_path):
    write(tmp_path, "common/store/a.h", '#include "common/store/deep/b.h"\n')
    write(tmp_path, "common/store/deep/b.h", "")
    assert circles.check(tmp_path) == []
    write(tmp_path, "common/store/deep/b.c", '#include "common/store/a.h"\n')
    assert circles.check(tmp_path) == ["common/store: these files include each other in a circle: a deep/b"]


def test_a_clause_without_an_actor_is_counted():
    def places(text):
        return len(words.headless(text))

    assert places("What was told is told no more.") == 1
    assert places("The cursor holds back what was read; whoever dials it waits.") == 2
    assert places("It goes to who asked.") == 1
    assert places("An operator who restarts it loses nothing.") == 0
    assert places("The row says why. What does it cost?") == 0


def test_words_reads_comments_and_pages_but_no_code():
    assert words.comment_text("a.c", 'int what; /* one\n * two */ char *s = "what /* no */";').split() == ["one", "two"]
    assert "what" not in words.comment_text("a.md", "text\n\n    what is code\n\n```\nwhat\n```\n`what`")
    assert words.comment_text("a.py", '#!/usr/bin/python3\nx = 1\n# said\n"""doc"""').split() == ["said", "doc"]


def test_an_attack_without_a_test_is_seen(tmp_path):
    write(tmp_path, "tests/unit/test_x.c", "static void it_holds(void **state)\n")
    write(tmp_path, "SECURITY.md", "## Attacks\n\n| attack | then | tests |\n|---|---|---|\n"
          "| a | b | `unit/test_x.c: it_holds` `unit/test_x.c` |\n| a | b | `unit/test_x.c: it` |\n| a | b | none |\n| a | b | `unit/test_y.c` |\n")
    assert attacks.check(tmp_path, 4) == ["SECURITY.md:6: there is no test unit/test_x.c: it",
                                          "SECURITY.md:7: a row is attack, what happens, `file: test`",
                                          "SECURITY.md:8: there is no test unit/test_y.c"]
    assert attacks.check(tmp_path, 5)[-1] == 'SECURITY.md: 4 rows below "## Attacks", at least 5'
