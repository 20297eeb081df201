import type { Json } from 'durably'

/** A note as this browser has it. */
export interface Note {
  id: string
  text: string
  /** How often it was changed here. */
  version: number
  /** Deleted here; it is forgotten when the server has deleted it, too. */
  isDeleted: boolean
  /** What of it the server has. */
  pushed: { version: number; revision: string | null } | null
  /** What of it the server does not take. */
  refused: { version: number; reason: string } | null
}

/** A note that the server does not have as it is here, as the job `sync-notes` takes it. */
export interface Change extends Record<string, Json> {
  id: string
  version: number
  text: string
  deleted: boolean
}

/** What became of one version of a note. */
export type Outcome =
  | { kind: 'pushed'; id: string; version: number; words: string; deleted: boolean; revision: string | null }
  | { kind: 'refused'; id: string; version: number; words: string; reason: string }

export type Whereabouts = 'here' | 'on-its-way' | 'on-the-server' | 'refused'

export function makeNote(id: string, text: string): Note {
  return { id, text, version: 1, isDeleted: false, pushed: null, refused: null }
}

export function edited(note: Note, text: string): Note {
  return { ...note, text, version: note.version + 1 }
}

export function deleted(note: Note): Note {
  return { ...note, isDeleted: true, version: note.version + 1 }
}

/** The note once that is known, or null when nothing is left of it. It may be known already, or out of date. */
export function after(note: Note, outcome: Outcome): Note | null {
  const { version } = outcome
  if (outcome.kind === 'refused') {
    const isNews = version > (note.refused?.version ?? 0)
    return isNews ? { ...note, refused: { version, reason: outcome.reason } } : note
  }
  if (note.isDeleted && outcome.deleted && version === note.version) return null
  const isNews = version > (note.pushed?.version ?? 0)
  return isNews ? { ...note, pushed: { version, revision: outcome.revision } } : note
}

/** All that the server has to be told, but for what a run that has begun tells it. */
export function changesOf(notes: readonly Note[], begun: ReadonlySet<string>): Change[] {
  return notes
    .filter((note) => note.pushed?.version !== note.version && note.refused?.version !== note.version)
    .filter((note) => !begun.has(keyOf(note)))
    .map(({ id, version, text, isDeleted }) => ({ id, version, text, deleted: isDeleted }))
}

/** Which version of which note: `underWay` has one of these for each that a run is about to send. */
export function keyOf({ id, version }: { id: string; version: number }): string {
  return `${id}/${version}`
}

export function whereabouts(note: Note, underWay: ReadonlySet<string>): Whereabouts {
  if (note.pushed?.version === note.version) return 'on-the-server'
  if (note.refused?.version === note.version) return 'refused'
  return underWay.has(keyOf(note)) ? 'on-its-way' : 'here'
}

export function inWords(note: Note, where: Whereabouts): string {
  switch (where) {
    case 'here':
      return note.isDeleted ? 'Deleted here' : 'Saved here'
    case 'on-its-way':
      return note.isDeleted ? 'Being deleted on the server' : 'On its way'
    case 'on-the-server': {
      const revision = note.pushed?.revision ?? null
      return revision === null ? 'On the server' : `On the server, revision ${revision}`
    }
    case 'refused':
      return `Refused: ${note.refused?.reason ?? 'the server gave no reason'}`
  }
}
