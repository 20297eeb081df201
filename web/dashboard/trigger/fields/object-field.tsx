import getDefaultRegistry from '@rjsf/core/lib/getDefaultRegistry.js'
import type { FieldProps } from '@rjsf/utils'
import type { ReactNode } from 'react'
import { FileField } from './file-field'

const { ObjectField: DefaultObjectField } = getDefaultRegistry().fields

/** An object of the format "file" is chosen, not typed. The schema arrives here with its references resolved. */
export function ObjectField(props: FieldProps): ReactNode {
  const schema = props.registry.schemaUtils.retrieveSchema(props.schema)
  if (schema.format === 'file') return <FileField {...props} schema={schema} />
  return DefaultObjectField === undefined ? null : <DefaultObjectField {...props} />
}
