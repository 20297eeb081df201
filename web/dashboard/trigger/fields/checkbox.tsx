import { ariaDescribedByIds, descriptionId, type WidgetProps } from '@rjsf/utils'
import type { ReactNode } from 'react'

export function Checkbox({ id, htmlName, value, label, disabled, schema, onChange }: WidgetProps): ReactNode {
  return (
    <>
      <label className="checkbox">
        <input
          type="checkbox"
          id={id}
          name={htmlName ?? id}
          checked={value === true}
          disabled={disabled}
          aria-describedby={ariaDescribedByIds(id)}
          onChange={({ target }) => onChange(target.checked)}
        />
        {label}
      </label>
      {schema.description !== undefined && (
        <p className="hint" id={descriptionId(id)}>
          {schema.description}
        </p>
      )}
    </>
  )
}
