/** One session of pytest. */
export interface SessionRequest {
  /** Test file, relative to the root of the repository. */
  file: string
  /** Text of `pyproject.toml`. */
  config: string
}

/** What the worker tells about a session, in order; `ended` or `broken` is the last. */
export type SessionMessage =
  | { type: 'told'; body: string }
  | { type: 'ended'; body: string; walFlushes: number }
  | { type: 'broken'; reason: string }
