import { lazy, type ComponentType } from 'react'
import type { ClientRun, Json, TriggerOptions } from '../../src'
import { loadAirports } from './import-csv/sample'

/** An input that ships with the page, so that a job can be tried at once. */
export interface Sample {
  /** What the button says. */
  label: string
  load(): Promise<Record<string, Json>>
}

/** What starts a job in the place of the form that is made from its input model. */
export type StartView = ComponentType<{
  /** Triggers the job and tells the run's id; rejects with a sentence. */
  start: (input: Record<string, Json>, options?: TriggerOptions) => Promise<string>
}>

export type ResultView = ComponentType<{ run: ClientRun }>

/** What this page knows about jobs beyond their schemas, by job name. Every other job works without. */
export const SAMPLES: Partial<Record<string, Sample>> = {
  'import-csv': { label: 'Use airports.csv (3,376 US airports)', load: loadAirports },
}

export const START_VIEWS: Partial<Record<string, StartView>> = {
  'resize-images': lazy(async () => ({ default: (await import('./resize-images/start')).Start })),
  'sync-notes': lazy(async () => ({ default: (await import('./sync-notes/start')).Start })),
}

export const RESULT_VIEWS: Partial<Record<string, ResultView>> = {
  'import-csv': lazy(async () => ({ default: (await import('./import-csv/result')).ImportResult })),
  'resize-images': lazy(async () => ({ default: (await import('./resize-images/result')).Result })),
  'sync-notes': lazy(async () => ({ default: (await import('./sync-notes/result')).Result })),
}
