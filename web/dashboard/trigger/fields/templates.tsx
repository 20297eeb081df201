import {
  ADDITIONAL_PROPERTY_FLAG,
  canExpand,
  errorId,
  type ArrayFieldItemTemplateProps,
  type ArrayFieldTemplateProps,
  type DescriptionFieldProps,
  type FieldErrorProps,
  type FieldTemplateProps,
  type ObjectFieldTemplateProps,
} from '@rjsf/utils'
import type { ReactNode } from 'react'
import { WORDS } from '../../words'

const SAID = WORDS.fields

export function FieldTemplate(props: FieldTemplateProps): ReactNode {
  const { id, label, displayLabel, required, hidden, description, children, errors, help, schema } = props
  if (hidden === true) return <div hidden>{children}</div>
  if (ADDITIONAL_PROPERTY_FLAG in schema) return <AdditionalField {...props} />
  const hasLabel = displayLabel === true && schema.type !== 'boolean'
  return (
    <div className="field">
      {hasLabel && (
        <label className="label" htmlFor={id}>
          {label}
          {required !== true && <span className="optional">{SAID.optional}</span>}
        </label>
      )}
      {children}
      {hasLabel && description}
      {errors}
      {help}
    </div>
  )
}

/** A value under a key that is not in the schema: the key is typed, too. */
function AdditionalField({ id, label, children, errors, ...props }: FieldTemplateProps): ReactNode {
  return (
    <div className="field">
      <div className="additional">
        <div className="field">
          <label className="label" htmlFor={`${id}-key`}>
            {SAID.key}
          </label>
          <input id={`${id}-key`} className="input" defaultValue={label} onBlur={props.onKeyRenameBlur} />
        </div>
        <div className="field">
          <label className="label" htmlFor={id}>
            {SAID.value}
          </label>
          {children}
        </div>
        <button type="button" className="button button-quiet" onClick={props.onRemoveProperty}>
          {SAID.remove}
        </button>
      </div>
      {errors}
    </div>
  )
}

export function ObjectFieldTemplate(props: ObjectFieldTemplateProps): ReactNode {
  const { fieldPathId, title, description, properties } = props
  const fields = properties.map(({ content }) => content)
  if (fieldPathId.path.length === 0) return <div className="fields">{fields}</div>
  return (
    <fieldset className="group" id={fieldPathId.$id}>
      {title !== '' && <legend>{title}</legend>}
      {description !== undefined && <p className="hint">{description}</p>}
      <div className="fields">{fields}</div>
      {canExpand(props.schema, props.uiSchema, props.formData) && (
        <button type="button" className="button" onClick={props.onAddProperty}>
          {SAID.addKey}
        </button>
      )}
    </fieldset>
  )
}

export function ArrayFieldTemplate(props: ArrayFieldTemplateProps): ReactNode {
  const { fieldPathId, title, schema, items, canAdd, onAddClick, disabled } = props
  return (
    <fieldset className="group" id={fieldPathId.$id}>
      <legend>{title}</legend>
      {schema.description !== undefined && <p className="hint">{schema.description}</p>}
      {items.length > 0 && <div className="fields">{items}</div>}
      {canAdd === true && (
        <button type="button" className="button" disabled={disabled} onClick={(event) => onAddClick(event)}>
          {SAID.addItem}
        </button>
      )}
    </fieldset>
  )
}

export function ArrayFieldItemTemplate(props: ArrayFieldItemTemplateProps): ReactNode {
  const { children, buttonsProps, index } = props
  const { hasRemove, onRemoveItem, disabled } = buttonsProps
  return (
    <div className="item">
      {children}
      {hasRemove && (
        <button
          type="button"
          className="button button-quiet"
          aria-label={SAID.removeItem(index + 1)}
          disabled={disabled}
          onClick={(event) => onRemoveItem(event)}
        >
          {SAID.remove}
        </button>
      )}
    </div>
  )
}

export function DescriptionField({ id, description }: DescriptionFieldProps): ReactNode {
  if (description === '') return null
  return (
    <p className="hint" id={id}>
      {description}
    </p>
  )
}

export function FieldErrors({ errors = [], fieldPathId }: FieldErrorProps): ReactNode {
  if (errors.length === 0) return null
  return (
    <div className="errors" id={errorId(fieldPathId)}>
      {errors.map((error, index) => (
        <p key={index}>{error}</p>
      ))}
    </div>
  )
}
