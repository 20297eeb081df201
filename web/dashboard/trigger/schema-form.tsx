// Not from the package's root: that one also loads a test registry, and with it a validator that we don't have.
import withTheme from '@rjsf/core/lib/withTheme.js'
import type { JobInfo } from 'durably'
import { useMemo, type ReactNode } from 'react'
import { WORDS } from '../words'
import { THEME } from './fields/theme'
import { toErrorSchema } from './form-errors'
import { toFormSchema } from './form-schema'
import type { Draft, Trigger } from './use-trigger'
import { VALIDATOR } from './validator'

const ThemedForm = withTheme<Draft>(THEME)

export interface SchemaFormProps {
  job: JobInfo
  trigger: Trigger
  /** Below the fields of the input. */
  options: ReactNode
}

/** A form made from the job's input model. */
export function SchemaForm({ job, trigger, options }: SchemaFormProps): ReactNode {
  const schema = useMemo(() => toFormSchema(job), [job])
  const { issues } = trigger.outcome
  const errors = useMemo(() => toErrorSchema(issues), [issues])
  return (
    <ThemedForm
      className="job-form"
      schema={schema}
      validator={VALIDATOR}
      formData={trigger.draft}
      extraErrors={errors}
      experimental_defaultFormStateBehavior={{ emptyObjectFields: 'skipEmptyDefaults' }}
      showErrorList={false}
      noHtml5Validate
      onChange={({ formData }, fieldId) => trigger.change(formData ?? {}, fieldId)}
      onSubmit={({ formData }) => void trigger.start(formData ?? {})}
    >
      {options}
      <button type="submit" className="button button-primary" aria-disabled={trigger.isBusy}>
        {trigger.isBusy ? WORDS.trigger.starting : WORDS.trigger.start(job.name)}
      </button>
    </ThemedForm>
  )
}
