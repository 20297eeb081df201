import type { ThemeProps } from '@rjsf/core'
import { Checkbox } from './checkbox'
import { ObjectField } from './object-field'
import {
  ArrayFieldItemTemplate,
  ArrayFieldTemplate,
  DescriptionField,
  FieldErrors,
  FieldTemplate,
  ObjectFieldTemplate,
} from './templates'
import { TextInput } from './text-input'

export const THEME: ThemeProps = {
  fields: { ObjectField },
  widgets: { CheckboxWidget: Checkbox },
  templates: {
    ArrayFieldItemTemplate,
    ArrayFieldTemplate,
    BaseInputTemplate: TextInput,
    DescriptionFieldTemplate: DescriptionField,
    FieldErrorTemplate: FieldErrors,
    FieldTemplate,
    ObjectFieldTemplate,
  },
}
