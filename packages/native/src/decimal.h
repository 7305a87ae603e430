/* Numbers as text, because printf is large in a static program. */
#ifndef OCIR_BROKER_DECIMAL_H
#define OCIR_BROKER_DECIMAL_H

/* Returns the number's decimal digits, in a static buffer that the next call overwrites. */
const char *decimal(unsigned long number);

#endif
