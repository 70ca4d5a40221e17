---@meta
-- Types only, for the language server: nothing requires this file.

---@class kal.Node what a file under nodes/ returns
---@field type string unique snake_case name
---@field category "trigger"|"condition"|"wait"|"action"|"end"
---@field version string changes when configs or results change their meaning
---@field summary string one sentence
---@field config table an object schema (kal.schema); every property has a description
---@field branches? string[]|fun(config: table): string[] the keys that need an edge
---@field optional_branches? string[] keys that may have an edge, for outcome.refuse
---@field branches_summary? string what computed branches are, for people
---@field events? fun(config: table): string[] event types that resume it
---@field filter? fun(config: table): table? filter on those events' data
---@field lookback? fun(config: table): number? milliseconds before the wait that still count
---@field needs? fun(config: table): kal.Needs what must be loaded before it runs
---@field check? fun(config: table): kal.Problem[] what the schema cannot say
---@field join? fun(config: table): "all"|"any" of a join alone
---@field execute fun(config: table, ctx: kal.Ctx): kal.Outcome
---@field resume? fun(config: table, ctx: kal.Ctx): kal.Outcome of a wait

---@class kal.Needs
---@field customer? boolean the customer's row
---@field caps? { channel: string, window_ms: number }[] counts of messages
---@field flow_caps? boolean those that the flow's own caps count: of a node that sends
---@field flows? string[] ids of flows that it may start
---@field segments? string[] ids of segments that it asks about

---@class kal.Cap
---@field channel string
---@field window_ms number
---@field count number messages in that time, those of this walk included
---@field max? number of a cap of the flow's own

---@class kal.Problem
---@field pointer string JSON pointer into the config, "" for the whole
---@field message string

---@class kal.Ctx what a node may know; valid for the call only, never kept
---@field now number journey time, milliseconds since 1970
---@field context table the instance's context: _customer_id, preferences, accumulated …
---@field customer? table context._customer, when the node needs it
---@field event? kal.Event what started or resumed the walk, until the next wait
---@field trigger? "event"|"timeout"|"answer" nil while executing
---@field answer? table what the wait was for: of a delivery {status, body} or {error}, of a flow
--- {instance_id, status, exit_reason} or {refused}, of code {outcome} or {error}
---@field caps? kal.Cap[] of a node that needs them
---@field state? table what the wait kept
---@field node_id string
---@field flow_id string
---@field duration fun(text: string): number milliseconds
---@field hash fun(...: string): number in [0, 1), the same for the same arguments
---@field at fun(clock: string, zone?: string): number the next "HH:MM" in a zone, now included
---@field in_segment fun(id: string): boolean?, string? of the customer, when the node needs that
--- segment; nil and its predicate when that has to be asked, as check_segment does

---@class kal.Event
---@field id string
---@field event_type string
---@field data table
---@field occurred_at string

---@class kal.Outcome made by kal.outcome
---@field kind "complete"|"wait"|"exit"|"fail"
---@field result? table
---@field branch? string
---@field reason? string
---@field until_ms? number
---@field absolute? boolean
---@field state? table
---@field effects? kal.Effect[]

---@class kal.Effect send: channel, provider, recipient, message, error?, awaits? (the runner adds
--- id); start: flow_id, awaits; reserve: channel; update_profile: fields; add_tag, remove_tag: tag;
--- convert: conversion_type, value?, metadata?; emit: event_type, data; code, of a node that waits:
--- source, input, seed, timeout_ms?
---@field kind string

---@class kal.Origin where a plugin comes from
---@field origin "builtin"|"plugin"
---@field path string of its file, relative to the home
---@field hash string of its text
---@field replaces? boolean it takes the place of what is there under its name

---@class kal.RunnableNode made by registry.node
---@field id string
---@field type string
---@field config table with the schema's defaults
---@field branches table<string, true>
---@field execute function
---@field resume? function
---@field schema table of the config
---@field interceptors? kal.Interceptor[] that want the type, in their order

---@class kal.Interceptor what plugins/NAME/interceptor.lua returns (name: its folder's)
---@field name? string
---@field version string
---@field summary string
---@field priority number lower first; the name decides between equals
---@field types? string[] the node types it wants; nil: all
---@field before? fun(node: kal.InterceptedNode, ctx: kal.Ctx): (table|kal.Outcome)? before a node
--- executes or resumes: nil, a config to run with, or the outcome that the node then does not
--- give itself (a table whose kind is an outcome's counts as one)
---@field after? fun(node: kal.InterceptedNode, ctx: kal.Ctx, given: kal.Outcome): kal.Outcome?
--- nil, or another outcome, whose branch is checked as the node's would be

---@class kal.InterceptedNode a copy
---@field id string
---@field type string
---@field config table in force

---@class kal.Provider what plugins/NAME/provider.lua returns
---@field version string
---@field summary string
---@field channels string[]
---@field send fun(delivery: kal.Delivery): table what is to be done, {sink="log", line={…}}; and
--- response, what a node that waits for the answer gets

---@class kal.Inbound what plugins/NAME/inbound.lua returns
---@field version string
---@field summary string
---@field verify? fun(request: table): boolean whether it comes from whom it should
---@field parse fun(request: table): table what it tells

---@class kal.Delivery
---@field id string
---@field channel string
---@field recipient table
---@field message table
---@field at string ISO 8601

---@class kal.Path
---@field keys string[]
---@field positions (integer|false)[]

---@class kal.Program
---@field run fun(context: table, event?: table, now_ms: number): any
---@field roots table<string, true> the top-level names it reads
---@field reads {name: string, read: fun(context: table, event?: table): any}[] its paths

---@class kal.Local what clocks in a zone show
---@field year integer
---@field month integer from 1
---@field day integer
---@field hour integer
---@field minute integer
---@field weekday integer 1 is Monday

---@class kal.Native the C module kal.native
---@field null lightuserdata JSON's null
---@field array fun(t?: table): table marks a table as a JSON array
---@field is_array fun(t: any): boolean
---@field encode fun(value: any): string?, string?
---@field decode fun(text: string): any, string?
---@field hash fun(text: string): number XXH3 in [0, 1)
---@field sha256 fun(text: string): string hex
---@field zone_next fun(zone: string, hour: integer, minute: integer, now_ms: number): number
---@field zone_local fun(zone: string, ms: number): kal.Local
---@field zone_known fun(zone: string): boolean
---@field cron_check fun(text: string): true?, string?
---@field parse_time fun(iso: string): number?
---@field format_time fun(ms: number): string
---@field utf8_len fun(text: string): integer
---@field code_allowed? boolean this deployment runs tenants' code

---@class kal.HostOptions of kit.host
---@field at? string ISO 8601; the clock stands there. Else 2026-01-05T12:00:00Z, a Monday
---@field customer? table {external_id, email, phone, name, timezone, properties, tags}
---@field context? table the instance's context
---@field caps? kal.Cap[] what ctx.caps shows
---@field segments? table<string, table> definitions by id, for a node that needs them

---@class kal.Host of kit.host
---@field now number its clock, milliseconds
---@field customer table with what effects have changed
---@field context table with `accumulated`
---@field effects kal.Effect[] all that were asked for, in order

---@class kal.Done what a node came to: its outcome as the engine takes it
---@field kind "complete"|"wait"|"exit"|"fail"
---@field result? table
---@field branch? string
---@field reason? string
---@field until_ms? number
---@field until_at? string ISO 8601
---@field absolute? boolean
---@field state? table
---@field effects kal.Effect[]

---@class kal.Expectation of kit.expect
---@field equals fun(expected: any) deeply
---@field near fun(expected: number, tolerance: number)
---@field matches fun(pattern: string) a Lua pattern
---@field raises fun(pattern?: string) of a function
