"""Tanggap: one queue, exact response-time clocks and breach alerts over every complaint channel of a city.

The map of the house: workrooms side by side on a pure floor, three doors on top. Nothing climbs back up.

    main.py             create_app(settings): the web application
    worker.py           build_scheduler(...): which job runs how often; any number of workers may run
    cli.py              the `tanggap` command
    settings.py         every knob, typed, one class; the only reader of the environment
    clock.py            utc_now(): the only reader of the wall clock
    logs.py             structured log lines on standard error, secrets hidden
    dependencies.py     what a request gets: one transaction, now, the caller
    outbound.py         the one guarded HTTP client
    posting.py          the settings made into a deliverer over every channel
    watching.py         what may be wrong with this installation, for those who run it
    lookout.py          what a web process sees that no worker can: that none is left
    pulling.py          a source row made into a running pull: connector, client, intake
    backfilling.py      the past of a source: backfills in slices, the daily reconciliation
    importing.py        files into the database: at once, or as uploads that wait for a worker
    chores.py           what workers do for intake beside pulling
    monthly.py          the monthly close of every unit, and its line in the audit trail
    vault.py            sealing of raw records and identities with the data key

  the floor, pure
    sla/                the timers: calendars, clocks, policies, explanations, scorecards
    complaint/          what a complaint is, how it may move, what must be masked; the domain errors

  the ground
    db/                 the only room that knows tables; advance() is the one writer of status, clocks, history

  the workrooms
    intake/             sources in: lease, pull, merge, route, keep rejects, watch the health
    workqueue/          what officers do: the unified queue and the moves
    alerts/             warnings and breaches out: watch, ladder, delivery, notifiers
    units/              how each unit does: status, roll-up, as of any instant; closed months; directory
    people/             who may do what: officers, tokens, sessions, scope; what is owed to complainants; audit
    rules/              calendars and policies as rows with versions; proposals, recalculation, what-if

  the doors
    api/                REST: one router for each room
    dashboard/          HTML: pages, templates, style sheet, charts
    commands/           the command line's groups of commands
    seed/               reference data as files
    demo/               a make-believe city that serves each source's real wire shape

Beside it `connectors/` speaks with the sources and knows nothing of `app`, `migrations/` holds the schema's history,
and `tests/house/` holds these walls.
"""
