import { ariaDescribedByIds, getInputProps, type BaseInputTemplateProps } from '@rjsf/utils'
import type { ReactNode } from 'react'

/** Every field that is one line of text or a number. */
export function TextInput(props: BaseInputTemplateProps): ReactNode {
  const { id, htmlName, schema, options, required, disabled, readonly, autofocus, rawErrors } = props
  const type: unknown = props.type
  const input = getInputProps(schema, typeof type === 'string' ? type : undefined, options)
  const value: unknown = props.value
  return (
    <input
      id={id}
      name={htmlName ?? id}
      className="input"
      type={input.type}
      step={input.step}
      inputMode={schema.type === 'integer' ? 'numeric' : undefined}
      placeholder={props.placeholder}
      autoComplete={input.autoComplete ?? 'off'}
      autoFocus={autofocus}
      required={required}
      disabled={disabled}
      readOnly={readonly}
      value={typeof value === 'string' || typeof value === 'number' ? value : ''}
      aria-invalid={(rawErrors ?? []).length > 0}
      aria-describedby={ariaDescribedByIds(id)}
      onChange={(event) => {
        const text = event.target.value
        if (props.onChangeOverride !== undefined) props.onChangeOverride(event)
        else props.onChange(text === '' ? options.emptyValue : text)
      }}
      onBlur={(event) => props.onBlur(id, event.target.value)}
      onFocus={(event) => props.onFocus(id, event.target.value)}
    />
  )
}
