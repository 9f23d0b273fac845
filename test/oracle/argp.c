/* Reads arguments as crun does, with the library that it uses: glibc's argp, in
 * order, first for the program and then for the verb.
 *
 * The file that is named first has one option a line: the verb it belongs to
 * or "-", its name, its letter or "-", and 0 none, 1 a value, 2 perhaps, 3 the
 * next argument. The other arguments are the question. Standard output has
 * "global NAME VALUE", "verb NAME", "flag NAME VALUE" and "arg VALUE", each
 * followed by NUL, and "end" unless that was refused, or help was shown. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { first_key = 1000, most = 64 };

static char names[most][64];
static int takes[most];
static struct argp_option options[most];
static const char *kind;

static error_t
parse (int key, char *arg, struct argp_state *state)
{
  int i;

  for (i = 0; options[i].name; i++)
    if (options[i].key == key)
      {
        if (takes[i] == 3)
          {
            if (state->next >= state->argc)
              exit (64);
            arg = state->argv[state->next++];
          }
        printf ("%s %s %s%c", kind, options[i].name, takes[i] == 0 ? "true" : arg ? arg : "\001", '\0');
        return 0;
      }
  return ARGP_ERR_UNKNOWN;
}

/* load fills options with those of verb. */
static int
load (const char *file, const char *verb)
{
  FILE *f = fopen (file, "re");
  char owner[64], name[64], letter[64];
  int n = 0, known = 0, t;

  if (f == NULL)
    exit (2);
  memset (options, 0, sizeof options);
  while (n < most - 1 && fscanf (f, "%63s %63s %63s %d", owner, name, letter, &t) == 4)
    {
      if (strcmp (owner, verb) != 0)
        continue;
      known = 1;
      if (strcmp (name, "-") == 0)
        continue;
      strcpy (names[n], name);
      takes[n] = t;
      options[n].name = names[n];
      options[n].key = letter[0] == '-' ? first_key + n : letter[0];
      options[n].arg = t == 1 || t == 2 ? "VALUE" : NULL;
      options[n].flags = t == 2 ? OPTION_ARG_OPTIONAL : 0;
      n++;
    }
  fclose (f);
  return known;
}

int
main (int argc, char **argv)
{
  struct argp argp = { options, parse, NULL, NULL, NULL, NULL, NULL };
  const char *file = argv[1];
  int at = 0;

  if (argc < 2)
    return 2;
  argc--, argv++;
  kind = "global";
  load (file, "-");
  argp_parse (&argp, argc, argv, ARGP_IN_ORDER, &at, NULL);
  if (at == 0)
    return 64;
  printf ("verb %s%c", argv[at], '\0');
  argc -= at, argv += at, at = 0;
  kind = "flag";
  if (!load (file, argv[0]))
    {
      printf ("end%c", '\0');
      return 0;
    }
  argp_parse (&argp, argc, argv, ARGP_IN_ORDER, &at, NULL);
  if (at == 0)
    return 64;
  for (; at < argc; at++)
    printf ("arg %s%c", argv[at], '\0');
  printf ("end%c", '\0');
  return 0;
}
