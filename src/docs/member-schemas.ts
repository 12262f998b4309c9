import type { Type } from '@nestjs/common';
import type { SchemaObject } from '@nestjs/swagger';
import { getMetadataStorage, ValidationTypes } from 'class-validator';
import { MAX_ACCESS_ID_BYTES } from '../notifier/event.js';

/** Each rule of `wire/members.ts` as a schema, as far as JSON Schema can say it. */
const RULES: Readonly<Record<string, SchemaObject>> = {
  isAccessId: {
    type: 'string',
    minLength: 1,
    maxLength: MAX_ACCESS_ID_BYTES,
    pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$',
    description: `At most ${MAX_ACCESS_ID_BYTES} bytes of UTF-8, well-formed; compared byte by byte.`,
  },
  isTimestamp: {
    type: 'integer',
    minimum: Number.MIN_SAFE_INTEGER,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'An integer whose unit and epoch the connectors choose.',
  },
  isPresent: {},
  isString: { type: 'string' },
};

/** The schema of a class whose members have rules: what is written once, as the check, is not written again. */
export function schemaOf(request: Type, descriptions: Readonly<Record<string, string>> = {}): SchemaObject {
  const properties: Record<string, SchemaObject> = {};
  const optional = new Set<string>();
  for (const { propertyName, name, type } of rulesOf(request)) {
    if (type === ValidationTypes.CONDITIONAL_VALIDATION) optional.add(propertyName);
    else properties[propertyName] = { ...ruleSchema(name), ...described(descriptions[propertyName]) };
  }
  const required = Object.keys(properties).filter((name) => !optional.has(name));
  return { type: 'object', required, properties };
}

/** @param rule of `wire/members.ts`, by the name under which class-validator knows it */
export function ruleSchema(rule = ''): SchemaObject {
  const schema = RULES[rule];
  if (!schema) throw new Error(`no schema says what the rule ${rule} says`);
  return schema;
}

function rulesOf(request: Type) {
  return getMetadataStorage().getTargetValidationMetadatas(request, '', false, false);
}

function described(description: string | undefined): SchemaObject {
  return description === undefined ? {} : { description };
}
