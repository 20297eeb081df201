import { useId, type ReactNode } from 'react'
import { WORDS } from '../words'
import { labelsOf, type OptionDraft } from './options'

const SAID = WORDS.options

interface OptionFieldsProps {
  options: OptionDraft
  onChange: (options: OptionDraft) => void
}

/** Keys and labels of the run, for those who need them. */
export function OptionFields({ options, onChange }: OptionFieldsProps): ReactNode {
  const count = [options.idempotencyKey, options.concurrencyKey, options.labels].filter(
    (text) => text !== '',
  ).length
  return (
    <details className="options">
      <summary>
        {SAID.title} {count > 0 && <span className="count">{count}</span>}
      </summary>
      <div className="fields">
        <TextField
          name={SAID.labels}
          hint={labelsOf(options.labels).fault ?? SAID.labelsHint}
          isInvalid={labelsOf(options.labels).fault !== null}
          value={options.labels}
          onChange={(labels) => onChange({ ...options, labels })}
        />
        <TextField
          name={SAID.idempotencyKey}
          hint={SAID.idempotencyHint}
          value={options.idempotencyKey}
          onChange={(idempotencyKey) => onChange({ ...options, idempotencyKey })}
        />
        <TextField
          name={SAID.concurrencyKey}
          hint={SAID.concurrencyHint}
          value={options.concurrencyKey}
          onChange={(concurrencyKey) => onChange({ ...options, concurrencyKey })}
        />
        {options.concurrencyKey !== '' && (
          <label className="field">
            <span className="label">{SAID.coalesce}</span>
            <select
              className="input"
              value={options.coalesce}
              onChange={({ target }) =>
                onChange({ ...options, coalesce: target.value as OptionDraft['coalesce'] })
              }
            >
              {(['', 'skip', 'queue'] as const).map((choice) => (
                <option key={choice} value={choice}>
                  {SAID.coalesceChoices[choice]}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
    </details>
  )
}

interface TextFieldProps {
  name: string
  hint: string
  value: string
  isInvalid?: boolean
  onChange: (value: string) => void
}

function TextField({ name, hint, value, isInvalid = false, onChange }: TextFieldProps): ReactNode {
  const id = useId()
  return (
    <div className="field">
      <label className="label" htmlFor={id}>
        {name}
        <span className="optional">{WORDS.fields.optional}</span>
      </label>
      <input
        id={id}
        className="input"
        value={value}
        autoComplete="off"
        spellCheck={false}
        aria-invalid={isInvalid}
        aria-describedby={`${id}-hint`}
        onChange={({ target }) => onChange(target.value)}
      />
      <p className={isInvalid ? 'errors' : 'hint'} id={`${id}-hint`}>
        {hint}
      </p>
    </div>
  )
}
