"""What must hold when all is quiet, whatever was killed before: sentences about what does not."""
import json
from collections import Counter

from journey import ANSWERED, TIMED_OUT

ON_TIME_SECONDS = 5
LIVE = "('running', 'waiting', 'paused')"


def rows(connection, sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def pending(connection, flow):
    return rows(connection, "SELECT count(*) FROM delivery WHERE flow_id = %s AND status = "
                            "'pending'", flow)[0][0]


def tell(what, found):
    """One line for all of a kind."""
    found = list(found)
    return [f"{len(found)} × {what}: {found[:3]}"] if found else []


def problems(world, in_doubt):
    return [problem for check in (events, instances, steps, branches, timers, customers, logs)
            for problem in check(world)] + deliveries(world, in_doubt)


def summary(world):
    """What there was to check."""
    figures = rows(world.db, """
        SELECT count(*), sum((SELECT count(*) FROM step s WHERE s.instance_id = i.id)),
            sum((SELECT count(*) FROM delivery d WHERE d.instance_id = i.id AND status = 'sent')),
            sum((SELECT count(*) FROM delivery d WHERE d.instance_id = i.id
                 AND status = 'in_doubt'))
        FROM instance i WHERE flow_id = %s""", world.flow)[0]
    names = ("instances", "steps", "sent", "in doubt")
    book = world.load.book
    return (", ".join(f"{n or 0} {name}" for n, name in zip(figures, names))
            + f"; {len(book.sent)} events, {len(book.sent) - len(book.answers)} of them without an"
            f" answer; in flight at deaths: {world.in_flight}")


def events(world):
    """Each acknowledged event is there once, and each other one at most once."""
    book = world.load.book
    stored = Counter(i for i, in rows(
        world.db, "SELECT event_id FROM event WHERE tenant_id = %s", world.tenant.id))
    answers = {i: tuple(answer) for i, *answer in rows(
        world.db, "SELECT event_id, routed, started, held FROM event_dedupe WHERE tenant_id = %s",
        world.tenant.id)}
    return (tell("test without traffic", [] if book.answers else [0])
            + tell("acknowledged event lost", (i for i in book.answers if i not in stored))
            + tell("event doubled", (i for i, n in stored.items() if n > 1))
            + tell("event that nobody sent", (i for i in stored if i not in book.sent))
            + tell("event without its answer, or the reverse", stored.keys() ^ answers.keys())
            + tell("answer that is not the stored one",
                   ((i, a, answers.get(i)) for i, a in book.answers.items() if answers.get(i) != a))
            + tell("repetition with another answer", book.changed)
            + tell("customer whose entry started no instance",
                   (i for i, a in answers.items()
                    if book.sent[i]["event_type"] == "enter" and a[1] != 1)))


def instances(world):
    """One instance a customer who entered; all have ended, and nothing waits for an ended one."""
    flow, tenant = world.flow, world.tenant.id
    entered = {c for c, in rows(world.db, "SELECT customer_id FROM event WHERE tenant_id = %s AND "
                                          "event_type = 'enter'", tenant)}
    walked = Counter(c for c, in rows(
        world.db, "SELECT customer_id FROM instance WHERE flow_id = %s", flow))
    return (tell("customer with several instances", (c for c, n in walked.items() if n > 1))
            + tell("customer with an entry but no instance, or the reverse",
                   entered ^ walked.keys())
            + tell("instance that ended wrongly", rows(
                world.db, "SELECT id, status, exit_reason FROM instance WHERE flow_id = %s AND "
                "status <> 'completed'", flow))
            + tell("live instance without a wait", rows(
                world.db, f"SELECT id FROM instance i WHERE flow_id = %s AND status IN {LIVE} AND "
                "NOT EXISTS (SELECT FROM wait w WHERE w.instance_id = i.id)", flow))
            + tell("wait of an ended instance", rows(
                world.db, "SELECT w.instance_id, w.node_id FROM wait w LEFT JOIN instance i "
                f"ON i.id = w.instance_id AND i.status IN {LIVE} "
                "WHERE w.flow_id = %s AND i.id IS NULL", flow)))


def steps(world):
    """Each instance walked one of the two paths, each node once, one row version a move."""
    walked = rows(world.db, """
        SELECT i.id, i.row_version, array_agg(s.node_id ORDER BY s.id),
            count(DISTINCT s.completed_at), count(*) FILTER (WHERE s.status <> 'completed')
        FROM instance i LEFT JOIN step s ON s.instance_id = i.id
        WHERE i.flow_id = %s GROUP BY i.id""", world.flow)
    strays = rows(world.db, "SELECT id FROM step s WHERE tenant_id = %s AND NOT EXISTS "
                            "(SELECT FROM instance i WHERE i.id = s.instance_id)", world.tenant.id)
    return (tell("instance off its path", ((i, path) for i, _, path, *_ in walked
                                           if tuple(path) not in (ANSWERED, TIMED_OUT)))
            + tell("step that did not complete", (i for i, *_, bad in walked if bad))
            + tell("row version that is not the number of moves",
                   ((i, version, moves) for i, version, _, moves, _ in walked
                    if not moves <= version <= 3))
            + tell("step without an instance", strays))


def branches(world):
    """An event that came before the timeout took it; the one consumed is the customer's own."""
    from_event = rows(world.db, """
        SELECT i.customer_id, s.output->'event'->>'id' FROM step s
        JOIN instance i ON i.id = s.instance_id
        WHERE i.flow_id = %s AND s.node_id = 'answer' AND s.output->>'trigger' = 'event'
        """, world.flow)
    sent = world.load.book.sent
    overlooked = rows(world.db, """
        SELECT e.event_id, e.received_at, s.completed_at FROM event e
        JOIN instance i ON i.customer_key = e.customer_key AND i.flow_id = %s
        JOIN step s ON s.instance_id = i.id AND s.node_id = 'answer'
        WHERE e.tenant_id = %s AND e.event_type = 'go' AND e.received_at < s.completed_at
            AND s.output->>'trigger' = 'timeout'""", world.flow, world.tenant.id)
    conversions = Counter(i for i, in rows(
        world.db, "SELECT instance_id FROM conversion WHERE flow_id = %s", world.flow))
    won = {i for i, in rows(world.db, "SELECT s.instance_id FROM step s JOIN instance i "
                            "ON i.id = s.instance_id WHERE i.flow_id = %s AND s.node_id = 'won'",
                            world.flow)}
    return (tell("event of another customer consumed",
                 ((c, i) for c, i in from_event
                  if i not in sent or sent[i]["customer_id"] != c))
            + tell("event overlooked: it came before the timeout", overlooked)
            + tell("conversion doubled", (i for i, n in conversions.items() if n > 1))
            + tell("conversion missing, or one too many", conversions.keys() ^ won))


def timers(world):
    """None fires early, and none is overdue for more than 5 s of a stretch of uptime."""
    fired = rows(world.db, """
        SELECT s.instance_id, s.node_id, extract(epoch FROM s.started_at)::float8,
            extract(epoch FROM s.completed_at)::float8
        FROM step s JOIN instance i ON i.id = s.instance_id
        WHERE i.flow_id = %s AND (s.node_id = 'pause' OR s.node_id = 'answer'
            AND s.output->>'trigger' = 'timeout')""", world.flow)
    early, late = [], []
    for instance, node, began, ended in fired:
        due = began + world.wait_seconds
        overdue = max((min(ended, down) - max(due, up) for up, down in world.uptime.stretches),
                      default=0)
        if ended < due - 0.0015:
            early.append((instance, node, due - ended))
        if overdue > ON_TIME_SECONDS:
            late.append((round(overdue, 1), instance, node))
    return tell("timer fired early", early) + tell("timer overdue", sorted(late, reverse=True))


def customers(world):
    return tell("customer whose tag is lost or doubled", rows(
        world.db, "SELECT c.external_id, c.tags FROM customer c JOIN instance i "
        "ON i.customer_uuid = c.id WHERE i.flow_id = %s AND c.tags::jsonb <> '[\"paused\"]'",
        world.flow))


def logs(world):
    """What the engine itself calls an error, a killed PostgreSQL apart."""
    return tell("error in the log", (
        line[:300] for server in world.servers for line in server.log().splitlines()
        if '"level":"error"' in line and '"postgres_died"' not in line))


def sent_lines(servers):
    """The ids in the log provider's ledgers."""
    for server in servers:
        path = server.data / "log" / "deliveries.ndjson"
        if path.exists():
            for line in path.read_text().splitlines():
                yield json.loads(line)["delivery_id"]


def deliveries(world, in_doubt):
    """Each path's messages exactly, each sent once, and the database knows which."""
    found = rows(world.db, "SELECT id::text, instance_id, node_id, status FROM delivery "
                           "WHERE flow_id = %s", world.flow)
    lines = Counter(sent_lines(world.servers))
    wanted = set(rows(world.db, "SELECT s.instance_id, s.node_id FROM step s JOIN instance i "
                      "ON i.id = s.instance_id WHERE i.flow_id = %s AND s.node_type = 'send_email'",
                      world.flow))
    made = Counter((instance, node) for _, instance, node, _ in found)
    allowed = {"sent", "in_doubt"} if in_doubt else {"sent"}
    ours = {i for i, *_ in found}
    known = {i for i, in rows(world.db, "SELECT id::text FROM delivery")}
    return (tell("message doubled", (m for m, n in made.items() if n > 1))
            + tell("message missing, or one too many", made.keys() ^ wanted)
            + tell("delivery in a wrong state", (d for d in found if d[3] not in allowed))
            + tell("effect sent twice", (i for i, n in lines.items() if n > 1))
            + tell("effect of no delivery", lines.keys() - known)
            + tell("delivery sent for the database alone",
                   (d for d in found if d[3] == "sent" and d[0] not in lines))
            + tell("delivery sent without the database's knowing",
                   (d for d in found if d[3] not in allowed and d[0] in lines))
            + tell("ledger without any line", [] if lines.keys() & ours or not ours else [1]))
