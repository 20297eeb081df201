import type { Json } from 'durably'

export const MOODS = ['steady', 'flaky', 'down'] as const
export type Mood = (typeof MOODS)[number]

/** Where notes are sent: what is chosen, and what was typed. */
export interface ServerChoice {
  kind: 'practice' | 'http'
  mood: Mood
  url: string
}

export const STEADY: ServerChoice = { kind: 'practice', mood: 'steady', url: '' }

/** As the job takes it. */
export function toServer({ kind, mood, url }: ServerChoice): Record<string, Json> {
  return kind === 'practice' ? { kind, mood } : { kind, url: url.trim() }
}

export function printChoice(choice: ServerChoice): string {
  return JSON.stringify(choice)
}

/** What was chosen at the last visit; the steady server when that can't be told. */
export function parseChoice(text: string | null): ServerChoice {
  let stored: unknown
  try {
    stored = JSON.parse(text ?? 'null')
  } catch {
    return STEADY
  }
  if (typeof stored !== 'object' || stored === null) return STEADY
  const { kind, mood, url }: Partial<Record<keyof ServerChoice, unknown>> = stored
  return {
    kind: kind === 'http' ? 'http' : 'practice',
    mood: MOODS.find((each) => each === mood) ?? 'steady',
    url: typeof url === 'string' ? url : '',
  }
}
