/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clock of a guest that goes on from memory: one line, or one member. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "xl/output.h"
#include "xl/output_json_write.h"
#include "xl/text.h"

/* ---- for people ---- */

/* What a guest does by itself; what is measured is in docs/design/clock.md. */
static const char *expectation(const struct manage_clock *clock)
{
    if (clock->follows)
        return "Linux moves its clock forward by that by itself";
    return "the guest's clock is behind by that until it is set (Linux with"
           " Xen's drivers moves it forward by itself)";
}

/* "3 min behind" */
static const char *offset_text(int64_t ms, char *buf, size_t size)
{
    char duration[TEXT_DURATION_LEN];
    uint64_t distance = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;

    text_duration(distance / 1000, duration);
    snprintf(buf, size, "%s %s", duration, ms < 0 ? "behind" : "ahead");
    return buf;
}

static void print_problem(const char *before, const struct manage_clock *clock)
{
    char *safe = text_escape(clock->problem, text_locale_is_utf8());

    printf("%s%s%s.\n", before, clock->problem ? ": " : "", safe ? safe : "");
    free(safe);
}

void output_clock(const struct manage_clock *clock)
{
    char duration[TEXT_DURATION_LEN], offset[TEXT_DURATION_LEN + 8];

    if (!clock->stopped) return;
    printf("Clock: the snapshot is %s old; ",
           text_duration(clock->age_s, duration));
    switch (clock->agent) {
    case MANAGE_CLOCK_UNASKED:
        printf("%s.\n", expectation(clock));
        break;
    case MANAGE_CLOCK_PAUSED:
        printf("%s. Nothing was set: the guest is paused.\n",
               expectation(clock));
        break;
    case MANAGE_CLOCK_NONE:
        printf("%s. It has no agent to ask.\n", expectation(clock));
        break;
    case MANAGE_CLOCK_RIGHT:
        printf("the guest's clock is right already, by its agent's word.\n");
        break;
    case MANAGE_CLOCK_SET:
        printf("the guest's clock was %s, and its agent has set it.\n",
               offset_text(clock->before_ms, offset, sizeof(offset)));
        break;
    case MANAGE_CLOCK_FAILED:
        if (clock->told) {
            printf("the guest's clock was %s, and may still be",
                   offset_text(clock->after_ms, offset, sizeof(offset)));
            print_problem("", clock);
        } else {
            printf("%s", expectation(clock));
            print_problem(". Its agent could not be asked", clock);
        }
        break;
    }
}

/* ---- JSON ---- */

static void write_offset(xjson_writer *w, const char *name, bool told,
                         int64_t ms)
{
    xjson_write_name(w, name);
    if (told)
        xjson_write_int(w, ms);
    else
        xjson_write_null(w);
}

void write_clock(xjson_writer *w, const struct manage_clock *clock)
{
    xjson_write_name(w, "clock");
    if (!clock->stopped) {
        xjson_write_null(w);
        return;
    }
    xjson_write_object(w);
    xjson_write_name(w, "taken");
    xjson_write_uint(w, clock->taken);
    xjson_write_name(w, "age_s");
    xjson_write_uint(w, clock->age_s);
    xjson_write_member_string(w, "expected", clock->follows
                              ? "follows" : "follows_with_drivers");
    xjson_write_member_string(w, "agent",
                              manage_clock_agent_to_string(clock->agent));
    xjson_write_member_bool(w, "set", clock->agent == MANAGE_CLOCK_SET);
    write_offset(w, "before_ms", clock->told, clock->before_ms);
    write_offset(w, "after_ms", clock->told, clock->after_ms);
    write_text(w, "problem", clock->problem);
    xjson_write_object_end(w);
}
