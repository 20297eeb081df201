// Not from the package's root: that one also loads a test registry, and with it a validator that we don't have.
import withTheme from '@rjsf/core/lib/withTheme.js'
import { useMemo, type ReactNode } from 'react'
import type { JobInfo } from '../../src'
import { SAMPLES } from '../jobs/registry'
import { THEME } from './fields/theme'
import { toErrorSchema } from './form-errors'
import { toFormSchema } from './form-schema'
import { useJobDraft, type Draft } from './use-job-draft'
import { VALIDATOR } from './validator'

const ThemedForm = withTheme<Draft>(THEME)

/** A form made from the job's input model. */
export function JobForm({ job }: { job: JobInfo }): ReactNode {
  const draft = useJobDraft(job)
  const schema = useMemo(() => toFormSchema(job), [job])
  const errors = useMemo(() => toErrorSchema(draft.outcome.issues), [draft.outcome.issues])
  const sample = SAMPLES[job.name]
  return (
    <>
      {job.description !== null && <p className="job-description">{job.description}</p>}
      {sample !== undefined && (
        <button
          type="button"
          className="button button-sample"
          aria-disabled={draft.isBusy}
          onClick={() => void draft.loadSample()}
        >
          {sample.label}
        </button>
      )}
      <ThemedForm
        className="job-form"
        schema={schema}
        validator={VALIDATOR}
        formData={draft.data}
        extraErrors={errors}
        experimental_defaultFormStateBehavior={{ emptyObjectFields: 'skipEmptyDefaults' }}
        showErrorList={false}
        noHtml5Validate
        onChange={({ formData }, fieldId) => draft.change(formData ?? {}, fieldId)}
        onSubmit={({ formData }) => void draft.start(formData ?? {})}
      >
        <button type="submit" className="button button-primary" aria-disabled={draft.isBusy}>
          {draft.isBusy ? 'Starting…' : `Start ${job.name}`}
        </button>
      </ThemedForm>
      <p className="outcome" data-kind={draft.outcome.kind} role="status">
        {draft.outcome.sentence}
      </p>
    </>
  )
}
