import type { ClientRun, Json, StorageKind, TriggerOptions } from 'durably'
import { createContext, useContext, type ComponentType, type ReactNode, type RefObject } from 'react'
import { NO_FILTERS, type Place } from './addresses'

/** What a page knows of a job beyond its schemas. */
export interface JobExtras {
  /** An input that ships with the page, so that the job can be tried at once. */
  sample?: Sample | undefined
  /** Beside the form made from the schema: a way of its own to start the job. */
  Start?: ComponentType<StartProps> | undefined
  /** What a run has achieved, as people look at it. */
  Result?: ComponentType<{ run: ClientRun }> | undefined
}

export interface Sample {
  /** What the button says. */
  label: string
  load(): Promise<Record<string, Json>>
}

export interface StartProps {
  /** Triggers the job and shows its run, whose id it gives. Rejects with a sentence for people. */
  start: (input: Record<string, Json>, options?: TriggerOptions & StartOptions) => Promise<string>
}

export interface StartOptions {
  /** Stay where the job was started. Default: the run is shown. */
  stay?: boolean | undefined
}

export interface Extras {
  /** By job name. */
  jobs: Partial<Record<string, JobExtras>>
  /** Only this job and its runs. */
  jobName: string | null
  /** What is shown as long as no run is chosen. */
  intro: ReactNode
  /** Below the header, above everything else. */
  notices: ReactNode
  /** The page goes to another version: that the engine stops is meant. */
  isLeaving: boolean
  /** This page with its database kept there, where it offers both. */
  storageHref: ((kind: StorageKind) => string) | null
  /**
   * Where the person is when something ends that took its time: nobody who went elsewhere meanwhile is taken away from
   * there. What asks may not be in the page any more by then.
   */
  placeNow: RefObject<Place>
  /** The run that was looked at may be gone: the way back leads to all. */
  forgetRun: () => void
}

export const ExtrasContext = createContext<Extras>({
  jobs: {},
  jobName: null,
  intro: null,
  notices: null,
  isLeaving: false,
  storageHref: null,
  placeNow: { current: { view: 'runs', runId: null, filters: NO_FILTERS } },
  forgetRun: () => undefined,
})

export function useExtras(): Extras {
  return useContext(ExtrasContext)
}

export function useJobExtras(jobName: string): JobExtras {
  return useExtras().jobs[jobName] ?? {}
}
