import type { ClientRun, Json } from './protocol'

/** What a job takes and returns. */
export interface JobType {
  input: unknown
  output: unknown
}

export type AnyJobs = Record<string, { input: Json; output: Json }>

/** The file that `durably types` writes adds `jobs`: inputs and outputs by the names of the jobs. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- there to be augmented
export interface Register {}

/** The jobs of this project, or any jobs as long as their types were not generated. */
export type RegisteredJobs = Register extends { jobs: infer Jobs extends object } ? Jobs : AnyJobs

export type JobName<Jobs = RegisteredJobs> = keyof Jobs & string
export type InputOf<Name extends keyof Jobs, Jobs = RegisteredJobs> = Jobs[Name] extends JobType
  ? Jobs[Name]['input']
  : never
export type OutputOf<Name extends keyof Jobs, Jobs = RegisteredJobs> = Jobs[Name] extends JobType
  ? Jobs[Name]['output']
  : never
export type RunOf<Name extends keyof Jobs, Jobs = RegisteredJobs> = ClientRun<
  InputOf<Name, Jobs>,
  OutputOf<Name, Jobs>
>
